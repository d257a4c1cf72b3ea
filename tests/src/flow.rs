//! Senders to any address of the peer's, and sinks that count.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::net::Pair;

/// One TCP stream from inside to outside, as fast as it goes, until it is dropped.
#[derive(Debug)]
pub struct Flow {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

impl Flow {
    /// Starts sending to an address of the peer's.
    ///
    /// # Panics
    /// When the address is not the peer's, or taken.
    pub fn start(pair: &Pair, address: &str, port: u16) -> Self {
        let to = at(address, port);
        let stop = Arc::new(AtomicBool::new(false));
        let received = Arc::new(AtomicU64::new(0));
        let (ready, listening) = std::sync::mpsc::channel();
        let (sink_stop, counter) = (stop.clone(), received.clone());
        let sink = pair.outside.thread(move || {
            let listener = TcpListener::bind(to).unwrap();
            listener.set_nonblocking(true).unwrap();
            ready.send(()).unwrap();
            let mut buffer = vec![0; 1 << 20];
            while !sink_stop.load(Ordering::Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                let patience = Some(Duration::from_millis(100));
                stream.set_read_timeout(patience).unwrap();
                while !sink_stop.load(Ordering::Relaxed) {
                    match stream.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(bytes) => {
                            counter.fetch_add(bytes as u64, Ordering::Relaxed);
                        }
                        Err(_) => {}
                    }
                }
            }
        });
        listening.recv().unwrap();
        let send_stop = stop.clone();
        let sender = pair.inside.thread(move || {
            let chunk = vec![0; 1 << 18];
            while !send_stop.load(Ordering::Relaxed) {
                let patience = Duration::from_millis(500);
                let Ok(mut stream) = TcpStream::connect_timeout(&to, patience) else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let patience = Some(Duration::from_millis(100));
                stream.set_write_timeout(patience).unwrap();
                while !send_stop.load(Ordering::Relaxed) {
                    match stream.write(&chunk) {
                        Ok(_) => {}
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        Err(_) => break,
                    }
                }
            }
        });
        Self {
            stop,
            received,
            threads: vec![sink, sender],
        }
    }

    /// Bytes of payload that have arrived.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Sends datagrams with so many bytes of payload each from inside to outside; the sink takes each
/// before the next one goes.
///
/// # Panics
/// When one does not arrive.
pub fn send_udp(pair: &Pair, address: &str, port: u16, many: u32, size: usize) {
    let to = at(address, port);
    let (ready, listening) = std::sync::mpsc::channel();
    let (arrived, next) = std::sync::mpsc::channel();
    let sink = pair.outside.thread(move || {
        let socket = UdpSocket::bind(to).unwrap();
        let patience = Some(Duration::from_secs(10));
        socket.set_read_timeout(patience).unwrap();
        ready.send(()).unwrap();
        let mut buffer = vec![0; size];
        for number in 0..many {
            let taken = socket.recv(&mut buffer);
            assert_eq!(taken.ok(), Some(size), "datagram {number} to {to}");
            arrived.send(()).unwrap();
        }
    });
    listening.recv().unwrap();
    let sender = pair.inside.thread(move || {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        for _ in 0..many {
            socket.send_to(&vec![7; size], to).unwrap();
            if next.recv().is_err() {
                return;
            }
        }
    });
    sink.join().unwrap();
    sender.join().unwrap();
}

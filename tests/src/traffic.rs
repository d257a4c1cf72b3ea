//! A sender as fast as TCP allows, and a sink that counts.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::net::Pair;

const ADDRESS: &str = "10.99.0.2:5001";

/// Traffic from inside to outside until it is dropped. Connects again when the link was gone.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts sending at full speed.
    ///
    /// # Panics
    /// When the sink's address is taken.
    pub fn start(pair: &Pair) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, listening) = std::sync::mpsc::channel();
        let sink_stop = stop.clone();
        let sink = pair.outside.thread(move || {
            let listener = TcpListener::bind(ADDRESS).unwrap();
            listener.set_nonblocking(true).unwrap();
            ready.send(()).unwrap();
            let mut buffer = vec![0; 1 << 20];
            while !sink_stop.load(Ordering::Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_millis(100)))
                    .unwrap();
                let mut idle = 0;
                while idle < 20 && !sink_stop.load(Ordering::Relaxed) {
                    match stream.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(_) => idle = 0,
                        Err(_) => idle += 1,
                    }
                }
            }
        });
        listening.recv().unwrap();
        let send_stop = stop.clone();
        let sender = pair.inside.thread(move || {
            let chunk = vec![0; 1 << 18];
            while !send_stop.load(Ordering::Relaxed) {
                let address = ADDRESS.parse().unwrap();
                let Ok(mut stream) =
                    TcpStream::connect_timeout(&address, Duration::from_millis(500))
                else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                stream
                    .set_write_timeout(Some(Duration::from_millis(100)))
                    .unwrap();
                let mut stalled = 0;
                while stalled < 100 && !send_stop.load(Ordering::Relaxed) {
                    match stream.write(&chunk) {
                        Ok(_) => stalled = 0,
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                            stalled += 1;
                        }
                        Err(_) => break,
                    }
                }
            }
        });
        Self {
            stop,
            threads: vec![sink, sender],
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

//! A port that can be closed, so that connections are really refused, and opened again.

use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The port.
pub(super) struct Door {
    address: SocketAddr,
    listener: Option<TcpListener>,
    open: watch::Receiver<bool>,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Door {
    /// # Panics
    /// When the port is taken.
    pub(super) async fn open(wished: SocketAddr, open: watch::Receiver<bool>) -> Self {
        let listener = TcpListener::bind(wished).await;
        let listener = listener.unwrap_or_else(|error| panic!("{wished}: {error}"));
        Self {
            address: listener.local_addr().unwrap(),
            listener: Some(listener),
            open,
        }
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if !*self.open.borrow_and_update() {
                self.listener = None;
                let _ = self.open.wait_for(|open| *open).await;
            }
            if self.listener.is_none() {
                // Taken by somebody else meanwhile: they will hardly keep it.
                self.listener = TcpListener::bind(self.address).await.ok();
            }
            let Some(listener) = &self.listener else {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                continue;
            };
            tokio::select! {
                biased;
                _ = self.open.changed() => {}
                accepted = listener.accept() => {
                    if let Ok(accepted) = accepted {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

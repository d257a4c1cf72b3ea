//! The meter: the kernel's 64-bit counters of an interface, by netlink and without capability.
//!
//! Answers and notifications come over one socket and are handed on in the order the kernel sent
//! them: what an interface counted last, before it vanished, must be seen before the first count
//! of its successor.

use std::io;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use crate::counter::Counters;

mod message;

use message::Parsed;

/// The multicast group that tells of interfaces, `RTNLGRP_LINK`, as a bit of a bind address.
const LINK_GROUP: u32 = 1;
/// How long the kernel may take to answer before something must be wrong.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any message about one interface.
const BUFFER: usize = 32 * 1024;
/// How often to ask again when notifications come faster than they can be read.
const ATTEMPTS: usize = 8;
/// `ENODEV`: there is no interface of that name.
const ENODEV: i32 = 19;
/// `ENOBUFS`: the kernel had to drop messages.
const ENOBUFS: i32 = 105;

/// An interface's counters as one message told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its name at that moment.
    pub interface: String,
    /// The kernel's index of it.
    pub interface_index: u32,
    /// `IFLA_STATS64` bytes.
    pub counters: Counters,
}

/// What the kernel let us see, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The answer to our question about the interface of this name.
    Answer(Reading),
    /// There is no interface of this name, was the answer.
    Missing(String),
    /// The kernel told of an interface by itself: it came, changed, or was renamed.
    Notice(Reading),
    /// An interface went away; its last counters.
    Gone(Reading),
    /// Notifications were lost: whatever was known of names and indices may be wrong.
    Overrun,
}

/// The open netlink socket.
pub struct Meter {
    socket: TokioSocket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Meter {
    /// Opens the socket and subscribes to what happens to interfaces.
    ///
    /// # Errors
    /// When the kernel refuses a routing socket.
    pub fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, LINK_GROUP))?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(BUFFER),
            sequence: 0,
        })
    }

    /// Asks for the counters of the interfaces of these names. Returns everything that was seen
    /// until the last answer, notifications included.
    ///
    /// # Errors
    /// When the kernel does not answer, or refuses for another reason than a missing interface.
    pub async fn look(&mut self, interfaces: &[String]) -> io::Result<Vec<Sight>> {
        let mut sights = Vec::new();
        for _ in 0..ATTEMPTS {
            match self.ask(interfaces, &mut sights).await {
                Ok(()) => return Ok(sights),
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => {
                    sights.push(Sight::Overrun);
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(
            "notifications about interfaces come faster than they can be read",
        ))
    }

    /// Waits for the kernel to tell something by itself. Can be dropped at any time without
    /// losing a message.
    ///
    /// # Errors
    /// When the socket cannot be read.
    pub async fn notices(&mut self) -> io::Result<Vec<Sight>> {
        match self.receive().await {
            Ok(messages) => Ok(messages.into_iter().filter_map(unasked).collect()),
            Err(error) if error.raw_os_error() == Some(ENOBUFS) => Ok(vec![Sight::Overrun]),
            Err(error) => Err(error),
        }
    }

    async fn ask(&mut self, interfaces: &[String], sights: &mut Vec<Sight>) -> io::Result<()> {
        for interface in interfaces {
            self.sequence = self.sequence.wrapping_add(1).max(1);
            let sequence = self.sequence;
            let request = message::request(interface, sequence);
            self.socket
                .send_to(&request, &SocketAddr::new(0, 0))
                .await?;
            let mut answered = false;
            while !answered {
                for parsed in self.receive_answer().await? {
                    let answers = parsed.answers(sequence);
                    answered |= answers;
                    sights.extend(if answers {
                        Some(answer(interface, parsed)?)
                    } else {
                        unasked(parsed)
                    });
                }
            }
        }
        Ok(())
    }

    /// The kernel answers while the question is sent (`rtnetlink_rcv`), so that the answer is
    /// there as a rule: it is taken without the runtime, which would wake this process once more.
    async fn receive_answer(&mut self) -> io::Result<Vec<Parsed>> {
        self.buffer.clear();
        match self.socket.socket_mut().recv_from(&mut self.buffer, 0) {
            Ok((_, from)) => Ok(self.parsed(&from)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let received = tokio::time::timeout(PATIENCE, self.receive()).await;
                received.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            Err(error) => Err(error),
        }
    }

    async fn receive(&mut self) -> io::Result<Vec<Parsed>> {
        self.buffer.clear();
        let from = self.socket.recv_from(&mut self.buffer).await?;
        Ok(self.parsed(&from))
    }

    fn parsed(&self, from: &SocketAddr) -> Vec<Parsed> {
        // Only the kernel knows what it counted.
        if from.port_number() != 0 {
            return Vec::new();
        }
        message::parse(&self.buffer)
    }
}

fn answer(asked: &str, parsed: Parsed) -> io::Result<Sight> {
    match parsed {
        // The kernel also finds an interface by its alternative names; ours is not one of them.
        Parsed::New { reading, .. } if reading.interface == asked => Ok(Sight::Answer(reading)),
        Parsed::New { .. } => Ok(Sight::Missing(asked.to_owned())),
        Parsed::Error { code, .. } if code == ENODEV => Ok(Sight::Missing(asked.to_owned())),
        Parsed::Error { code, .. } => Err(io::Error::from_raw_os_error(code)),
        Parsed::Deleted(reading) => Ok(Sight::Gone(reading)),
    }
}

fn unasked(parsed: Parsed) -> Option<Sight> {
    match parsed {
        Parsed::New { reading, .. } => Some(Sight::Notice(reading)),
        Parsed::Deleted(reading) => Some(Sight::Gone(reading)),
        Parsed::Error { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn the_loopback_interface_is_read_without_privilege() {
        let mut meter = Meter::open().unwrap();
        let names = ["lo".to_owned(), "bwflow-none0".to_owned()];
        let sights = meter.look(&names).await.unwrap();
        let Some(Sight::Answer(first)) = sights.first() else {
            panic!("{sights:?}");
        };
        assert_eq!((first.interface.as_str(), first.interface_index), ("lo", 1));
        assert_eq!(
            sights.last(),
            Some(&Sight::Missing("bwflow-none0".to_owned()))
        );

        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .send_to(&[0; 1000], socket.local_addr().unwrap())
            .unwrap();
        let sights = meter.look(&names[..1]).await.unwrap();
        let Some(Sight::Answer(second)) = sights.last() else {
            panic!("{sights:?}");
        };
        assert!(second.counters.tx >= first.counters.tx + 1000);
    }
}

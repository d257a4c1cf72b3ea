//! A blocking request/reply socket to rtnetlink or nfnetlink.
//!
//! The kernel answers such requests inside the `send` call, so that waiting for the reply
//! costs microseconds and an asynchronous socket would buy nothing.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NlaBuffer, NlasIterator};
use netlink_sys::{
    Socket as RawSocket, SocketAddr,
    protocols::{NETLINK_NETFILTER, NETLINK_ROUTE},
};

const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `NLM_F_DUMP_INTR`: the dump is inconsistent because something changed meanwhile.
const DUMP_INTERRUPTED: u16 = 0x10;
const DUMP: u16 = 0x300;
/// Large enough for any datagram of a dump (`NLMSG_GOODSIZE` is at most 32 KiB).
const BUFFER: usize = 32 * 1024;

/// One message of a reply or notification.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_pid`: who asked, for a notification.
    pub port: u32,
    /// What follows the netlink header.
    pub payload: &'a [u8],
}

/// One request of a [`Socket::batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags` but `NLM_F_REQUEST`.
    pub flags: u16,
    /// What follows the netlink header.
    pub body: Vec<u8>,
}

/// A connection to rtnetlink or nfnetlink.
pub struct Socket {
    raw: RawSocket,
    port: u32,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in the network namespace of the calling thread.
    ///
    /// # Errors
    /// What `socket(2)` and `bind(2)` report.
    pub fn open() -> io::Result<Self> {
        Self::open_for(NETLINK_ROUTE)
    }

    /// As [`Self::open`], but to nfnetlink.
    ///
    /// # Errors
    /// What `socket(2)` and `bind(2)` report; `EPROTONOSUPPORT` when the kernel has no netfilter.
    pub fn open_netfilter() -> io::Result<Self> {
        Self::open_for(NETLINK_NETFILTER)
    }

    fn open_for(protocol: isize) -> io::Result<Self> {
        let mut raw = RawSocket::new(protocol)?;
        let port = raw.bind_auto()?.port_number();
        raw.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            raw,
            port,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// The port by which the kernel names this socket in notifications it caused.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Sends one request that is acknowledged and passes what comes before the acknowledgement to
    /// `each`.
    ///
    /// # Errors
    /// The kernel's errno, or what the socket reports.
    pub fn request(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        each: impl FnMut(Message<'_>),
    ) -> io::Result<()> {
        self.exchange(kind, flags | NLM_F_ACK, body, each)
            .map(|_| ())
    }

    /// Sends a dump request; starts again when the kernel says that it was interrupted.
    ///
    /// # Errors
    /// The kernel's errno, or what the socket reports.
    pub fn dump<T: Default>(
        &mut self,
        kind: u16,
        body: &[u8],
        mut each: impl FnMut(&mut T, Message<'_>),
    ) -> io::Result<T> {
        loop {
            let mut collected = T::default();
            let interrupted =
                self.exchange(kind, DUMP, body, |message| each(&mut collected, message))?;
            if !interrupted {
                return Ok(collected);
            }
        }
    }

    /// Sends several requests as one datagram, of which the kernel carries out all or none.
    ///
    /// # Errors
    /// The first errno of the kernel's, or what the socket reports.
    pub fn batch(&mut self, requests: &[Request]) -> io::Result<()> {
        let mut datagram = Vec::new();
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            let flags = request.flags | NLM_F_REQUEST;
            datagram.extend(frame(request.kind, flags, self.sequence, &request.body));
        }
        // Left over from a request whose reply was not read to its end.
        while self.receive_now()? {}
        self.raw.send(&datagram, 0)?;
        // All that the kernel has to say is there by now.
        let mut refused = None;
        let mut answered = false;
        while self.receive_now()? {
            for message in messages(&self.buffer) {
                let (_, message) = message?;
                if message.kind == NLMSG_ERROR {
                    answered = true;
                    refused = refused.or(errno(message.payload).err());
                }
            }
        }
        match refused {
            Some(error) => Err(error),
            None if answered => Ok(()),
            None => Err(io::Error::other("the kernel did not answer")),
        }
    }

    /// Reads a datagram that is there already; whether there was one.
    fn receive_now(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        match self.raw.recv(&mut self.buffer, nix::libc::MSG_DONTWAIT) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        mut each: impl FnMut(Message<'_>),
    ) -> io::Result<bool> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = frame(kind, flags | NLM_F_REQUEST, self.sequence, body);
        self.raw.send(&request, 0)?;
        let mut interrupted = false;
        loop {
            self.buffer.clear();
            self.raw.recv(&mut self.buffer, 0)?;
            for message in messages(&self.buffer) {
                let (header, message) = message?;
                // An answer to an earlier request whose reply was not read to its end.
                if header.sequence != self.sequence {
                    continue;
                }
                interrupted |= header.flags & DUMP_INTERRUPTED != 0;
                match message.kind {
                    NLMSG_DONE => return Ok(interrupted),
                    NLMSG_ERROR => return errno(message.payload).map(|()| interrupted),
                    _ => each(message),
                }
            }
        }
    }
}

fn errno(payload: &[u8]) -> io::Result<()> {
    let code = payload
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(-code))
    }
}

/// The netlink header in front of `body`.
pub(super) fn frame(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).expect("requests are short");
    let mut request = Vec::with_capacity(HEADER + body.len());
    request.extend_from_slice(&length.to_ne_bytes());
    request.extend_from_slice(&kind.to_ne_bytes());
    request.extend_from_slice(&flags.to_ne_bytes());
    request.extend_from_slice(&sequence.to_ne_bytes());
    request.extend_from_slice(&0u32.to_ne_bytes());
    request.extend_from_slice(body);
    request
}

/// The part of `struct nlmsghdr` that is not in [`Message`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    flags: u16,
    sequence: u32,
}

/// Splits a datagram into its messages.
pub(super) fn messages(
    mut datagram: &[u8],
) -> impl Iterator<Item = io::Result<(Header, Message<'_>)>> {
    std::iter::from_fn(move || {
        if datagram.is_empty() {
            return None;
        }
        let Some((header, message, length)) = split(datagram) else {
            datagram = &[];
            return Some(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the kernel sent a netlink message that is cut short",
            )));
        };
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
        Some(Ok((header, message)))
    })
}

fn split(datagram: &[u8]) -> Option<(Header, Message<'_>, usize)> {
    let length = usize::try_from(u32::from_ne_bytes(*datagram.first_chunk()?)).ok()?;
    let payload = datagram.get(HEADER..length)?;
    let kind = u16::from_ne_bytes(*datagram.get(4..)?.first_chunk()?);
    let flags = u16::from_ne_bytes(*datagram.get(6..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*datagram.get(8..)?.first_chunk()?);
    let port = u32::from_ne_bytes(*datagram.get(12..)?.first_chunk()?);
    Some((
        Header { flags, sequence },
        Message {
            kind,
            port,
            payload,
        },
        length,
    ))
}

/// The attributes of a payload that starts at `offset`; a malformed one ends the walk.
pub(super) fn attributes(payload: &[u8], offset: usize) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(payload.get(offset..).unwrap_or_default()).map_while(Result::ok)
}

/// Appends one attribute (`struct nlattr`, padded to four bytes).
pub fn push_attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("attributes are short");
    body.extend_from_slice(&length.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_messages_in_a_datagram_are_told_apart() {
        let mut datagram = frame(16, 0, 7, &[1, 2, 3, 4]);
        datagram.extend(frame(17, 2, 8, &[]));
        let kinds: Vec<_> = messages(&datagram).map(|m| m.unwrap().1.kind).collect();
        assert_eq!(kinds, [16, 17]);
    }

    #[test]
    fn a_datagram_cut_anywhere_is_an_error_and_no_panic() {
        let datagram = frame(16, 0, 7, &[1, 2, 3, 4]);
        for cut in 1..datagram.len() {
            assert!(
                messages(&datagram[..cut]).any(|m| m.is_err()),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn the_kernel_s_errno_is_passed_on() {
        let error = errno(&(-19i32).to_ne_bytes()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(19));
        assert!(errno(&0i32.to_ne_bytes()).is_ok());
    }
}

//! The daemons' way to the bus, on which nothing arrives that is too long to be meant for them.
//!
//! The system bus passes on messages of up to 32 MB, and whoever may call one method may send one
//! to it. Their memory would be ours, some of it for good, since the allocator keeps what it once
//! needed. Longer messages are therefore read past, never stored, and get no answer. File
//! descriptors are not negotiated, so the bus keeps those from us, too.

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::str::FromStr as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tracing::debug;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;
use zbus::{Address, Message};

/// What a message begins with: enough to know its length (D-Bus specification, "Message Format").
const PREFIX: usize = 16;

/// A connection to the bus.
#[derive(Debug)]
pub struct Stream {
    socket: UnixStream,
    longest: u64,
}

impl Stream {
    /// Connects to a bus of this machine: the one at `address`, or the system bus. Messages of more
    /// than `longest` bytes are read past.
    ///
    /// # Errors
    /// The address is not that of a Unix socket, or nobody listens there.
    pub async fn connect(address: Option<&str>, longest: u64) -> zbus::Result<Self> {
        let address = match address {
            Some(address) => Address::from_str(address)?,
            None => Address::system()?,
        };
        let Transport::Unix(socket) = address.transport() else {
            return Err(zbus::Error::Unsupported);
        };
        let path = match socket.path() {
            UnixSocket::File(path) => path.clone(),
            // As `unix(7)` writes the names that are in no directory.
            UnixSocket::Abstract(name) => {
                let mut path = OsString::from("\0");
                path.push(name);
                path.into()
            }
            _ => return Err(zbus::Error::Unsupported),
        };
        let socket = UnixStream::connect(path).await?;
        Ok(Self { socket, longest })
    }
}

impl Socket for Stream {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (read, write) = self.socket.into_split();
        let reader = Reader {
            bytes: Bytes(BufReader::new(read)),
            longest: self.longest,
        };
        Split::new(reader, Writer(write))
    }
}

/// What comes from the bus, as bytes; zbus makes messages of them.
#[derive(Debug)]
struct Bytes(BufReader<OwnedReadHalf>);

#[async_trait]
impl ReadHalf for Bytes {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        Ok((self.0.read(buffer).await?, Vec::new()))
    }
}

/// What comes from the bus, without the messages that are too long.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    longest: u64,
}

#[async_trait]
impl ReadHalf for Reader {
    async fn receive_message(
        &mut self,
        seq: u64,
        bytes: &mut Vec<u8>,
        descriptors: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Message> {
        loop {
            let had = bytes.len();
            if had < PREFIX {
                bytes.resize(PREFIX, 0);
                self.bytes.0.read_exact(&mut bytes[had..]).await?;
            }
            let length = message_length(bytes);
            if length <= self.longest {
                return self.bytes.receive_message(seq, bytes, descriptors).await;
            }
            debug!(length, "a message is too long and gets no answer");
            let here = bytes
                .len()
                .min(usize::try_from(length).unwrap_or(usize::MAX));
            bytes.drain(..here);
            let mut rest = (&mut self.bytes.0).take(length - here as u64);
            tokio::io::copy_buf(&mut rest, &mut tokio::io::sink()).await?;
        }
    }

    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.bytes.recvmsg(buffer).await
    }
}

/// What goes to the bus.
#[derive(Debug)]
pub struct Writer(OwnedWriteHalf);

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.0.write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

/// The length of the message that begins with these bytes, of which there must be [`PREFIX`].
fn message_length(bytes: &[u8]) -> u64 {
    let number = |at: usize| {
        let mut number = [0; 4];
        number.copy_from_slice(&bytes[at..at + 4]);
        u64::from(if bytes[0] == b'B' {
            u32::from_be_bytes(number)
        } else {
            u32::from_le_bytes(number)
        })
    };
    let (body, fields) = (number(4), number(12));
    (PREFIX as u64 + fields).next_multiple_of(8) + body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use zbus::wire::Endian;

    use super::*;

    fn message(text: &str, endian: Endian) -> Message {
        Message::method_call("/a", "Member")
            .endian(endian)
            .build(&(text,))
            .unwrap()
    }

    #[test]
    fn the_length_is_known_from_the_beginning() {
        for endian in [Endian::Little, Endian::Big] {
            for text in ["", "a", "abcdefgh"] {
                let message = message(text, endian);
                let bytes = message.data();
                assert_eq!(message_length(&bytes[..PREFIX]), bytes.len() as u64);
            }
        }
        assert!(
            message_length(&[
                b'l', 1, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255
            ]) > u64::from(u32::MAX)
        );
    }

    #[tokio::test]
    async fn messages_that_are_too_long_are_read_past() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (mut reader, _writer) = Stream {
            socket: ours,
            longest: 65_536,
        }
        .split()
        .take();
        let long = "x".repeat(10_000_000);
        let sending = tokio::spawn(async move {
            for text in [&long, "first", &long, &long, "second"] {
                let message = message(text, Endian::Little);
                theirs.write_all(message.data()).await.unwrap();
            }
        });
        // Some of it came with the answers to the handshake.
        let mut early = Vec::new();
        for expected in ["first", "second"] {
            let message = reader
                .receive_message(1, &mut early, &mut Vec::new())
                .await
                .unwrap();
            let text: String = message.body().deserialize().unwrap();
            assert_eq!(text, expected);
        }
        sending.await.unwrap();
        let end = reader.receive_message(1, &mut early, &mut Vec::new()).await;
        assert!(end.is_err());
    }
}

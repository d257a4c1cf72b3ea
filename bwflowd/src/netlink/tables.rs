//! Our tables in the kernel: made, read and deleted.

use std::io;

use bwflow_proto::network::Network;

use super::nft::{self, Counted, GET_RULE, GET_TABLE};
use super::socket::Socket;

/// A connection to nf_tables.
pub struct Tables {
    socket: Socket,
}

impl Tables {
    /// Connects in the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel has no netfilter, or what the socket reports.
    pub fn connect() -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open_netfilter()?,
        })
    }

    /// The port by which notifications name this connection.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// Makes a link's table, in place of an earlier one.
    ///
    /// # Errors
    /// `EOPNOTSUPP` and others when the kernel has no nf_tables or no egress hook.
    pub fn install(&mut self, link: &str, networks: &[Network], received: bool) -> io::Result<()> {
        self.socket.batch(&nft::install(link, networks, received))
    }

    /// Deletes a link's table; none is no error.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn remove(&mut self, link: &str) -> io::Result<()> {
        match self.socket.batch(&nft::remove(link)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// What a link's table has counted; nothing when there is none.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn read(&mut self, link: &str) -> io::Result<Option<Counted>> {
        let question = nft::question(Some(&nft::table_of(link)));
        let mut table = None;
        match self.socket.request(GET_TABLE, 0, &question, |message| {
            table = nft::table(message).map(|(_, handle)| handle);
        }) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        let Some(table) = table else {
            return Ok(None);
        };
        let counted = self
            .socket
            .dump(GET_RULE, &question, |counted: &mut Counted, message| {
                counted.add(message);
            })?;
        Ok(Some(Counted { table, ..counted }))
    }

    /// The links that have a table of ours, also those that are gone.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn links(&mut self) -> io::Result<Vec<String>> {
        self.socket.dump(
            GET_TABLE,
            &nft::question(None),
            |all: &mut Vec<String>, message| {
                let found = nft::table(message);
                all.extend(found.and_then(|(table, _)| nft::link_of(&table).map(str::to_owned)));
            },
        )
    }
}

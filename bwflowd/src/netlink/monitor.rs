//! What the kernel says by itself: links and disciplines that come, change and go.

use std::collections::BTreeSet;
use std::io;

use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use super::link::{Link, RTM_DELLINK};
use super::nft;
use super::qdisc::{Parent, Qdisc};
use super::socket::messages;

const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_TC: u32 = 4;
const NFNLGRP_NFTABLES: u32 = 7;
/// Room for the notifications of some thousand links that appear at once.
const RECEIVE_BUFFER: u32 = 1 << 20;

/// One thing the kernel reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A link appeared or changed.
    Link(Link),
    /// A link is gone; these are its final counters.
    LinkGone(Link),
    /// Somebody else attached, changed or removed the root discipline of the link with this index.
    Root(u32),
    /// Somebody else changed our rules for the link of this name, or deleted them.
    Rules(String),
    /// Notifications were lost: everything must be looked at again.
    Lost,
}

/// A subscription to link and discipline notifications.
pub struct Monitor {
    socket: TokioSocket,
    own_port: u32,
    rules: Option<Rules>,
}

/// A subscription to what happens in nf_tables.
struct Rules {
    socket: TokioSocket,
    own_port: u32,
}

impl Monitor {
    /// Subscribes; what `own_port` causes is not reported. Must be called within tokio's runtime.
    ///
    /// # Errors
    /// What `socket(2)`, `bind(2)` and `setsockopt(2)` report.
    pub fn open(own_port: u32) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        let raw = socket.socket_mut();
        raw.set_rx_buf_sz(RECEIVE_BUFFER)?;
        raw.bind(&SocketAddr::new(0, 0))?;
        raw.add_membership(RTNLGRP_LINK)?;
        raw.add_membership(RTNLGRP_TC)?;
        Ok(Self {
            socket,
            own_port,
            rules: None,
        })
    }

    /// Subscribes to what happens to our rules, too, but for what `own_port` causes. Where the
    /// kernel has none there is nothing to hear.
    pub fn watch_rules(&mut self, own_port: u32) {
        if let Some(rules) = &mut self.rules {
            rules.own_port = own_port;
            return;
        }
        let open = || -> io::Result<TokioSocket> {
            let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
            let raw = socket.socket_mut();
            raw.set_rx_buf_sz(RECEIVE_BUFFER)?;
            raw.bind(&SocketAddr::new(0, 0))?;
            raw.add_membership(NFNLGRP_NFTABLES)?;
            Ok(socket)
        };
        if let Ok(socket) = open() {
            self.rules = Some(Rules { socket, own_port });
        }
    }

    /// Waits for the next datagram and returns what it reports.
    ///
    /// # Errors
    /// What the socket reports, but not `ENOBUFS`, which is [`Event::Lost`].
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        let rules = async {
            match &self.rules {
                Some(rules) => rules.socket.recv_from_full().await,
                None => std::future::pending().await,
            }
        };
        // Both can be dropped at any time without losing a datagram.
        let (received, of_rules) = tokio::select! {
            received = self.socket.recv_from_full() => (received, false),
            received = rules => (received, true),
        };
        match received {
            Ok((datagram, sender)) if sender.port_number() == 0 => Ok(if of_rules {
                self.rule_events(&datagram)
            } else {
                self.events(&datagram)
            }),
            Ok(_) => Ok(Vec::new()),
            Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => Ok(vec![Event::Lost]),
            Err(error) => Err(error),
        }
    }

    fn rule_events(&self, datagram: &[u8]) -> Vec<Event> {
        let own_port = self.rules.as_ref().map_or(0, |rules| rules.own_port);
        let mut links = BTreeSet::new();
        for message in messages(datagram) {
            let Ok((_, message)) = message else {
                return vec![Event::Lost];
            };
            if message.port != own_port {
                links.extend(nft::touched(message));
            }
        }
        links.into_iter().map(Event::Rules).collect()
    }

    fn events(&self, datagram: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for message in messages(datagram) {
            let Ok((_, message)) = message else {
                events.push(Event::Lost);
                break;
            };
            if let Some(link) = Link::parse(message) {
                events.push(match message.kind {
                    RTM_DELLINK => Event::LinkGone(link),
                    _ => Event::Link(link),
                });
            } else if let Some(qdisc) = Qdisc::parse(message)
                && message.port != self.own_port
                && qdisc.parent == Parent::Root
            {
                events.push(Event::Root(qdisc.index));
            }
        }
        events
    }
}

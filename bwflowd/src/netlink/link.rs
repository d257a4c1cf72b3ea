//! Links and their counters (`linux/if_link.h`).

use std::io;

use super::socket::{Message, Socket, attributes, push_attribute};

pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
/// `sizeof(struct ifinfomsg)`.
const IFINFOMSG: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_STATS64: u16 = 23;
const IFLA_GSO_MAX_SIZE: u16 = 41;
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;
const ENODEV: i32 = 19;

/// One interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index.
    pub index: u32,
    /// The name, e.g. `eth0`.
    pub name: String,
    /// The largest packet without the link-layer header, bytes.
    pub mtu: u32,
    /// Up and with carrier. A change makes the kernel reset the link's queues.
    pub running: bool,
    /// Bytes sent, `IFLA_STATS64` `tx_bytes`.
    pub tx: u64,
    /// Bytes received, `IFLA_STATS64` `rx_bytes`.
    pub rx: u64,
    /// Packets that did not leave though they were to, `tx_errors` and `tx_dropped`.
    pub lost: u64,
    /// The largest segment that the stack hands over uncut, bytes.
    pub segment: u32,
}

impl Link {
    /// Reads an `RTM_NEWLINK` or `RTM_DELLINK` message; `None` for anything else.
    pub fn parse(message: Message<'_>) -> Option<Self> {
        if !matches!(message.kind, RTM_NEWLINK | RTM_DELLINK) {
            return None;
        }
        let word = |offset: usize| -> Option<u32> {
            Some(u32::from_ne_bytes(
                *message.payload.get(offset..)?.first_chunk()?,
            ))
        };
        // A bridge speaks of its ports in messages of its own family, without their counters.
        if *message.payload.first()? != 0 {
            return None;
        }
        let flags = word(8)?;
        let mut counted = false;
        let mut link = Self {
            index: word(4)?,
            running: flags & IFF_UP != 0 && flags & IFF_LOWER_UP != 0,
            ..Self::default()
        };
        for attribute in attributes(message.payload, IFINFOMSG) {
            let value = attribute.value();
            match attribute.kind() {
                IFLA_IFNAME => {
                    let name = value.strip_suffix(&[0]).unwrap_or(value);
                    link.name = String::from_utf8_lossy(name).into_owned();
                }
                IFLA_GSO_MAX_SIZE => link.segment = u32::from_ne_bytes(*value.first_chunk()?),
                IFLA_MTU => link.mtu = u32::from_ne_bytes(*value.first_chunk()?),
                IFLA_STATS64 => {
                    // struct rtnl_link_stats64: rx_packets, tx_packets, rx_bytes, tx_bytes, ...
                    link.rx = u64::from_ne_bytes(*value.get(16..)?.first_chunk()?);
                    link.tx = u64::from_ne_bytes(*value.get(24..)?.first_chunk()?);
                    let errors = u64::from_ne_bytes(*value.get(40..)?.first_chunk()?);
                    let dropped = u64::from_ne_bytes(*value.get(56..)?.first_chunk()?);
                    link.lost = errors.saturating_add(dropped);
                    counted = true;
                }
                _ => {}
            }
        }
        // Wireless events have neither name nor counters.
        (counted && !link.name.is_empty()).then_some(link)
    }
}

impl Socket {
    /// The link of this name, or `None` when there is none.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut body = vec![0; IFINFOMSG];
        let mut terminated = name.as_bytes().to_vec();
        terminated.push(0);
        push_attribute(&mut body, IFLA_IFNAME, &terminated);
        let mut found = None;
        match self.request(RTM_GETLINK, 0, &body, |message| {
            found = Link::parse(message);
        }) {
            // The kernel also answers to alternative names, which have no budget.
            Ok(()) => Ok(found.filter(|link: &Link| link.name == name)),
            Err(error) if error.raw_os_error() == Some(ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every link.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn links(&mut self) -> io::Result<Vec<Link>> {
        self.dump(
            RTM_GETLINK,
            &[0; IFINFOMSG],
            |all: &mut Vec<Link>, message| {
                all.extend(Link::parse(message));
            },
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn loopback_is_there_and_nonsense_is_not() {
        let mut socket = Socket::open().unwrap();
        let lo = socket
            .link("lo")
            .unwrap()
            .expect("every namespace has a loopback");
        assert_eq!((lo.index, lo.name.as_str(), lo.mtu), (1, "lo", 65536));
        assert_eq!(socket.link("no-such-link").unwrap(), None);
    }

    #[test]
    fn what_a_bridge_says_of_its_ports_is_no_link() {
        let mut payload = vec![7, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        push_attribute(&mut payload, IFLA_IFNAME, b"wan0\0");
        push_attribute(&mut payload, IFLA_STATS64, &[1; 200]);
        let parse = |payload: &[u8]| {
            Link::parse(Message {
                kind: RTM_NEWLINK,
                port: 0,
                payload,
            })
        };
        assert_eq!(parse(&payload), None);
        payload[0] = 0;
        assert!(parse(&payload).is_some());
    }

    #[test]
    fn a_message_without_counters_or_name_is_no_link() {
        let mut payload = vec![0; IFINFOMSG];
        push_attribute(&mut payload, IFLA_IFNAME, b"wlan0\0");
        let message = Message {
            kind: RTM_NEWLINK,
            port: 0,
            payload: &payload,
        };
        assert_eq!(Link::parse(message), None);
    }

    #[test]
    fn a_short_message_is_refused() {
        let message = Message {
            kind: RTM_NEWLINK,
            port: 0,
            payload: &[0; 9],
        };
        assert_eq!(Link::parse(message), None);
    }
}

//! `rtnetlink(7)` messages about interfaces. Only name, index and counters are read: an
//! attribute that a newer kernel shapes differently must not stop the accounting.

use netlink_packet_core::{NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NlasIterator};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use super::Reading;
use crate::counter::Counters;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;
/// `struct ifinfomsg`; the index is at byte 4, the address family at byte 0.
const IFINFOMSG: usize = 16;
/// Where `struct rtnl_link_stats64` has its byte counters.
const RX_BYTES: usize = 16;
const TX_BYTES: usize = 24;

/// A message that matters to the meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    New { sequence: u32, reading: Reading },
    Deleted(Reading),
    Error { sequence: u32, code: i32 },
}

impl Parsed {
    /// Whether it answers the question of this number; the kernel's own messages have 0.
    pub(super) const fn answers(&self, asked: u32) -> bool {
        match self {
            Self::New { sequence, .. } | Self::Error { sequence, .. } => *sequence == asked,
            Self::Deleted(_) => false,
        }
    }
}

/// `RTM_GETLINK` by name.
pub(super) fn request(interface: &str, sequence: u32) -> Vec<u8> {
    let mut link = LinkMessage::default();
    link.attributes
        .push(LinkAttribute::IfName(interface.to_owned()));
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::GetLink(link));
    message.header.flags = NLM_F_REQUEST;
    message.header.sequence_number = sequence;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The messages of one datagram that matter.
pub(super) fn parse(datagram: &[u8]) -> Vec<Parsed> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while let Ok(buffer) = NetlinkBuffer::new_checked(rest) {
        let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        found.extend(one(&buffer));
        // Messages are aligned to four bytes.
        rest = length
            .checked_next_multiple_of(4)
            .and_then(|next| rest.get(next..))
            .unwrap_or_default();
    }
    found
}

fn one(buffer: &NetlinkBuffer<&[u8]>) -> Option<Parsed> {
    let sequence = buffer.sequence_number();
    let payload = buffer.payload();
    match buffer.message_type() {
        NLMSG_ERROR => {
            let code = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
            Some(Parsed::Error {
                sequence,
                code: code.saturating_neg(),
            })
        }
        RTM_NEWLINK => Some(Parsed::New {
            sequence,
            reading: reading(payload)?,
        }),
        RTM_DELLINK => Some(Parsed::Deleted(reading(payload)?)),
        _ => None,
    }
}

fn reading(payload: &[u8]) -> Option<Reading> {
    // Other families tell of the link's part in a bridge or the like: leaving a bridge is an
    // RTM_DELLINK, too.
    if *payload.first()? != 0 {
        return None;
    }
    let interface_index = u32::from_ne_bytes(payload.get(4..8)?.try_into().ok()?);
    let attributes = payload.get(IFINFOMSG..)?;
    let mut interface = None;
    let mut counters = None;
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        match attribute.kind() {
            IFLA_IFNAME => {
                let name = attribute.value().split(|byte| *byte == 0).next()?;
                interface = Some(String::from_utf8_lossy(name).into_owned());
            }
            IFLA_STATS64 => {
                let at = |offset: usize| {
                    let bytes = attribute.value().get(offset..offset + 8)?;
                    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
                };
                counters = Some(Counters {
                    tx: at(TX_BYTES)?,
                    rx: at(RX_BYTES)?,
                });
            }
            _ => {}
        }
    }
    Some(Reading {
        interface: interface?,
        interface_index,
        counters: counters?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use netlink_packet_route::AddressFamily;
    use netlink_packet_route::link::Stats64;

    use super::*;

    /// What another implementation makes of the message is what is parsed here.
    fn message(
        make: fn(LinkMessage) -> RouteNetlinkMessage,
        family: AddressFamily,
        sequence: u32,
    ) -> Vec<u8> {
        let mut stats = Stats64::default();
        stats.tx_bytes = 1 << 40;
        stats.rx_bytes = 7;
        let mut link = LinkMessage::default();
        link.header.interface_family = family;
        link.header.index = 12;
        link.attributes = vec![
            LinkAttribute::IfName("wwan0".to_owned()),
            LinkAttribute::Mtu(1500),
            LinkAttribute::Stats64(stats),
        ];
        let mut message = NetlinkMessage::from(make(link));
        message.header.sequence_number = sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    fn expected() -> Reading {
        Reading {
            interface: "wwan0".to_owned(),
            interface_index: 12,
            counters: Counters { tx: 1 << 40, rx: 7 },
        }
    }

    #[test]
    fn several_messages_in_one_datagram_keep_their_order() {
        let mut datagram = message(RouteNetlinkMessage::DelLink, AddressFamily::Unspec, 0);
        datagram.extend(message(
            RouteNetlinkMessage::NewLink,
            AddressFamily::Unspec,
            9,
        ));
        let new = Parsed::New {
            sequence: 9,
            reading: expected(),
        };
        assert!(new.answers(9) && !new.answers(8));
        assert_eq!(parse(&datagram), [Parsed::Deleted(expected()), new]);
    }

    #[test]
    fn leaving_a_bridge_is_not_going_away() {
        let datagram = message(RouteNetlinkMessage::DelLink, AddressFamily::Bridge, 0);
        assert_eq!(parse(&datagram), []);
    }

    #[test]
    fn cut_off_messages_are_ignored() {
        let datagram = message(RouteNetlinkMessage::NewLink, AddressFamily::Unspec, 9);
        for length in 0..datagram.len() {
            assert_eq!(parse(&datagram[..length]), [], "cut at {length}");
        }
    }

    #[test]
    fn an_interface_is_asked_for_by_name() {
        let bytes = request("eth0", 3);
        // nlmsghdr: length, RTM_GETLINK, NLM_F_REQUEST, sequence, port; ifinfomsg; IFLA_IFNAME.
        let mut captured = Vec::new();
        captured.extend(44u32.to_ne_bytes());
        captured.extend(18u16.to_ne_bytes());
        captured.extend(1u16.to_ne_bytes());
        captured.extend(3u32.to_ne_bytes());
        captured.extend([0; 4 + 16]);
        captured.extend(9u16.to_ne_bytes());
        captured.extend(3u16.to_ne_bytes());
        captured.extend(b"eth0\0\0\0\0");
        captured[0] = u8::try_from(captured.len()).unwrap();
        assert_eq!(bytes, captured);
    }
}

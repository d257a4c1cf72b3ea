//! Queueing disciplines (`linux/rtnetlink.h`, `linux/pkt_sched.h`).

use std::fmt;
use std::io;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_ECHO, NLM_F_REPLACE};

use super::socket::{Message, Socket, attributes, push_attribute};

const RTM_NEWQDISC: u16 = 36;
const RTM_DELQDISC: u16 = 37;
const RTM_GETQDISC: u16 = 38;
const RTM_GETTFILTER: u16 = 46;
/// `sizeof(struct tcmsg)`.
const TCMSG: usize = 20;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_STATS2: u16 = 7;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;

/// A queueing discipline's handle, `major:minor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Handle(pub u32);

impl Handle {
    /// By this major number bwflow's own discipline is known.
    pub const OURS: Self = Self(0xb0f1_0000);

    /// Our bucket, when it isn't at the root itself but beside another lane.
    pub const BUCKET: Self = Self(0xb0f4_0000);

    /// The queue inside our own has one of these. The kernel makes a new discipline for a handle
    /// that is not there, and only changes the old one otherwise.
    pub const QUEUES: [Self; 2] = [Self(0xb0f2_0000), Self(0xb0f3_0000)];

    /// The upper half: which discipline.
    pub const fn major(self) -> u32 {
        self.0 >> 16
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:", self.major())
    }
}

/// Where a discipline is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The link itself (`TC_H_ROOT`).
    Root,
    /// A class of another discipline, or the ingress hook.
    Other(u32),
}

impl Parent {
    const ROOT: u32 = u32::MAX;

    const fn number(self) -> u32 {
        match self {
            Self::Root => Self::ROOT,
            Self::Other(number) => number,
        }
    }
}

/// One discipline as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qdisc {
    /// The index of its link.
    pub index: u32,
    /// Its handle; the major number is 0 for what the kernel attached by itself.
    pub handle: Handle,
    /// Where it is attached.
    pub parent: Parent,
    /// Its name, e.g. `htb`.
    pub kind: String,
    /// Its configuration as the kernel dumps it (`TCA_OPTIONS`).
    pub options: Vec<u8>,
    /// Bytes that have left it.
    pub bytes: u64,
    /// Bytes that wait in it.
    pub backlog: u32,
    /// Packets that it has dropped.
    pub drops: u32,
}

impl Qdisc {
    /// Whether it's what we put at a link's root: our bucket, or the lanes with our bucket in one.
    pub fn is_ours(&self) -> bool {
        self.handle == Handle::OURS && matches!(self.kind.as_str(), "tbf" | "htb")
    }

    /// Reads an `RTM_NEWQDISC` or `RTM_DELQDISC` message; `None` for anything else.
    pub fn parse(message: Message<'_>) -> Option<Self> {
        if !matches!(message.kind, RTM_NEWQDISC | RTM_DELQDISC) || message.payload.len() < TCMSG {
            return None;
        }
        let word = |offset: usize| -> Option<u32> {
            Some(u32::from_ne_bytes(
                *message.payload.get(offset..)?.first_chunk()?,
            ))
        };
        let parent = word(12)?;
        let mut qdisc = Self {
            index: word(4)?,
            handle: Handle(word(8)?),
            parent: if parent == Parent::ROOT {
                Parent::Root
            } else {
                Parent::Other(parent)
            },
            kind: String::new(),
            options: Vec::new(),
            bytes: 0,
            backlog: 0,
            drops: 0,
        };
        for attribute in attributes(message.payload, TCMSG) {
            let value = attribute.value();
            match attribute.kind() {
                TCA_KIND => {
                    let kind = value.strip_suffix(&[0]).unwrap_or(value);
                    qdisc.kind = String::from_utf8_lossy(kind).into_owned();
                }
                TCA_OPTIONS => qdisc.options = value.to_vec(),
                TCA_STATS2 => {
                    for stats in attributes(value, 0) {
                        let stats_value = stats.value();
                        match stats.kind() {
                            TCA_STATS_BASIC => {
                                qdisc.bytes = u64::from_ne_bytes(*stats_value.first_chunk()?);
                            }
                            // struct gnet_stats_queue: qlen, backlog, drops, ...
                            TCA_STATS_QUEUE => {
                                let backlog = stats_value.get(4..)?.first_chunk()?;
                                qdisc.backlog = u32::from_ne_bytes(*backlog);
                                let drops = stats_value.get(8..)?.first_chunk()?;
                                qdisc.drops = u32::from_ne_bytes(*drops);
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Some(qdisc)
    }
}

/// `struct tcmsg`.
fn header(index: u32, parent: Parent, handle: Handle) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend_from_slice(&index.to_ne_bytes());
    body.extend_from_slice(&handle.0.to_ne_bytes());
    body.extend_from_slice(&parent.number().to_ne_bytes());
    body.extend_from_slice(&0u32.to_ne_bytes());
    body
}

/// The body of an `RTM_NEWQDISC` request.
pub fn replace_message(
    index: u32,
    parent: Parent,
    handle: Handle,
    kind: &str,
    options: &[u8],
) -> Vec<u8> {
    let mut body = header(index, parent, handle);
    let mut terminated = kind.as_bytes().to_vec();
    terminated.push(0);
    push_attribute(&mut body, TCA_KIND, &terminated);
    if !options.is_empty() {
        push_attribute(&mut body, TCA_OPTIONS, options);
    }
    body
}

impl Socket {
    /// Attaches a discipline, or changes the one that is there with the same handle and kind.
    ///
    /// # Errors
    /// `ENOENT` when the kernel lacks the kind, `EPERM` without CAP_NET_ADMIN, and so on.
    pub fn replace_qdisc(
        &mut self,
        index: u32,
        parent: Parent,
        handle: Handle,
        kind: &str,
        options: &[u8],
    ) -> io::Result<()> {
        let body = replace_message(index, parent, handle, kind, options);
        self.request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &body, |_| {})
    }

    /// Takes a link's root discipline off; the kernel puts its default back.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` or `ENOENT` when the root has another handle.
    pub fn delete_root(&mut self, index: u32, handle: Handle) -> io::Result<()> {
        self.request(
            RTM_DELQDISC,
            0,
            &header(index, Parent::Root, handle),
            |_| {},
        )
    }

    /// A link's root discipline with its byte count; `None` when the kernel shows none.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn root_qdisc(&mut self, index: u32) -> io::Result<Option<Qdisc>> {
        self.qdisc_at(index, Parent::Root)
    }

    /// As [`Self::root_qdisc`], for what is attached anywhere.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn qdisc_at(&mut self, index: u32, parent: Parent) -> io::Result<Option<Qdisc>> {
        let body = header(index, parent, Handle(0));
        let mut found = None;
        // Without the echo the kernel tells only those who listen for notifications
        // (`qdisc_notify` in `net/sched/sch_api.c`).
        match self.request(RTM_GETQDISC, NLM_F_ECHO, &body, |message| {
            found = Qdisc::parse(message);
        }) {
            Ok(()) => Ok(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every discipline of every link.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn qdiscs(&mut self) -> io::Result<Vec<Qdisc>> {
        let body = header(0, Parent::Other(0), Handle(0));
        self.dump(RTM_GETQDISC, &body, |all: &mut Vec<Qdisc>, message| {
            all.extend(Qdisc::parse(message));
        })
    }

    /// Whether filters are attached to a discipline.
    ///
    /// # Errors
    /// What the kernel or the socket reports.
    pub fn has_filters(&mut self, index: u32, handle: Handle) -> io::Result<bool> {
        let body = header(index, Parent::Other(handle.0), Handle(0));
        self.dump(RTM_GETTFILTER, &body, |any: &mut bool, _| *any = true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_message_is_read_back() {
        let payload = replace_message(7, Parent::Root, Handle::OURS, "tbf", &[1, 2, 3]);
        let message = Message {
            kind: RTM_NEWQDISC,
            port: 0,
            payload: &payload,
        };
        let qdisc = Qdisc::parse(message).unwrap();
        assert_eq!(
            (qdisc.index, qdisc.handle, qdisc.parent),
            (7, Handle::OURS, Parent::Root)
        );
        assert_eq!(
            (qdisc.kind.as_str(), qdisc.options.as_slice()),
            ("tbf", &[1, 2, 3][..])
        );
    }

    #[test]
    fn a_message_cut_anywhere_does_not_panic() {
        let payload = replace_message(7, Parent::Root, Handle::OURS, "tbf", &[1; 40]);
        for cut in 0..payload.len() {
            let message = Message {
                kind: RTM_NEWQDISC,
                port: 0,
                payload: &payload[..cut],
            };
            let parsed = Qdisc::parse(message);
            assert!(cut >= TCMSG || parsed.is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn loopback_s_root_is_told() {
        let root = Socket::open()
            .unwrap()
            .root_qdisc(1)
            .unwrap()
            .expect("loopback has a root");
        assert_eq!((root.index, root.parent), (1, Parent::Root));
    }

    #[test]
    fn handles_print_as_tc_does() {
        assert_eq!(Handle::OURS.to_string(), "b0f1:");
        assert_eq!(Handle(0x1_0000).to_string(), "1:");
    }
}

//! The two lanes of a link that excludes networks (`net/sched/sch_htb.c`): a class without a limit
//! of its own, in which our bucket sits, and HTB's direct queue beside it, which takes packets
//! whose priority is HTB's handle.

use std::io;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};

use super::qdisc::{Handle, Parent, replace_message};
use super::socket::{Socket, attributes, push_attribute};

const RTM_NEWTCLASS: u16 = 40;
const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_DIRECT_QLEN: u16 = 5;
const TCA_HTB_RATE64: u16 = 6;
const TCA_HTB_CEIL64: u16 = 7;
const TC_LINKLAYER_ETHERNET: u8 = 1;
/// `HTB_VER >> 16`: the kernel takes no other.
const VERSION: u32 = 3;
/// The class's rate, bytes per second: above what any link can do, so that only the bucket holds.
const RATE: u64 = 1 << 40;
/// How much may wait in the direct queue, packets: what a fast sender has on its way at most.
const DIRECT_QUEUE: u32 = 10_000;

/// The minor number of the class that the bucket sits in.
const CLASS: u32 = 1;

/// Where our bucket is attached beside the direct queue.
pub const BUCKET_PARENT: Parent = Parent::Other(Handle::OURS.0 | CLASS);

/// HTB's own options: everything goes to our class that is not sent past it.
pub fn options() -> Vec<u8> {
    // struct tc_htb_glob: version, rate2quantum, defcls, debug, direct_pkts
    let glob: Vec<u8> = [VERSION, 10, CLASS, 0, 0]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    let mut options = Vec::with_capacity(36);
    push_attribute(&mut options, TCA_HTB_INIT, &glob);
    push_attribute(
        &mut options,
        TCA_HTB_DIRECT_QLEN,
        &DIRECT_QUEUE.to_ne_bytes(),
    );
    options
}

fn class_options() -> Vec<u8> {
    let mut parms = Vec::with_capacity(44);
    for _ in ["rate", "ceil"] {
        // struct tc_ratespec: cell_log, linklayer, overhead, cell_align, mpu, rate. With the link
        // layer named, the kernel needs no rate table.
        parms.extend_from_slice(&[0, TC_LINKLAYER_ETHERNET]);
        parms.extend_from_slice(&[0; 6]);
        parms.extend_from_slice(&u32::MAX.to_ne_bytes());
    }
    // buffer and cbuffer, ticks of 64 ns: a second's worth. quantum, bytes; level; prio.
    for word in [15_625_000u32, 15_625_000, 60_000, 0, 0] {
        parms.extend_from_slice(&word.to_ne_bytes());
    }
    let mut options = Vec::with_capacity(72);
    push_attribute(&mut options, TCA_HTB_PARMS, &parms);
    push_attribute(&mut options, TCA_HTB_RATE64, &RATE.to_ne_bytes());
    push_attribute(&mut options, TCA_HTB_CEIL64, &RATE.to_ne_bytes());
    options
}

/// How many packets went past the class, of the options as the kernel dumps them.
pub fn direct_packets(options: &[u8]) -> Option<u32> {
    let init = attributes(options, 0).find(|attribute| attribute.kind() == TCA_HTB_INIT)?;
    let direct = init.value().get(16..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*direct))
}

impl Socket {
    /// Puts the two lanes at a link's root; the class has the kernel's default queue at first.
    ///
    /// # Errors
    /// `ENOENT` when the kernel has no `sch_htb`, and so on.
    pub fn make_lanes(&mut self, index: u32) -> io::Result<()> {
        self.replace_qdisc(index, Parent::Root, Handle::OURS, "htb", &options())?;
        let class = Handle(Handle::OURS.0 | CLASS);
        let parent = Parent::Other(Handle::OURS.0);
        let body = replace_message(index, parent, class, "htb", &class_options());
        self.request(RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, &body, |_| {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_packets_are_found() {
        let mut told = options();
        assert_eq!(direct_packets(&told), Some(0));
        // After the attribute's header and four words.
        told[20..24].copy_from_slice(&77u32.to_ne_bytes());
        assert_eq!(direct_packets(&told), Some(77));
        assert_eq!(direct_packets(&told[..10]), None);
        assert_eq!(direct_packets(&[]), None);
    }
}

//! rtnetlink: the few messages bwflow needs, with `netlink-sys` for the socket and
//! `netlink-packet-core` for the framing.

pub mod link;
pub mod monitor;
pub mod qdisc;
pub mod socket;
pub mod tbf;

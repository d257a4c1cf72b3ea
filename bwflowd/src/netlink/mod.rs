//! rtnetlink and nf_tables: the few messages bwflow needs, with `netlink-sys` for the socket and
//! `netlink-packet-core` for the framing.

pub mod htb;
pub mod link;
pub mod monitor;
pub mod nft;
pub mod qdisc;
pub mod socket;
pub mod tables;
pub mod tbf;

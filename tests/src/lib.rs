//! The rig of the system tests: network namespaces, traffic, a private bus, the real programs.
//!
//! Needs root. Everything happens in namespaces and directories made for the test and is gone
//! after it; nothing of the host's network is touched.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod bus;
pub mod caller;
pub mod config;
pub mod desk;
pub mod documents;
pub mod fake;
pub mod flow;
pub mod grant;
pub mod net;
pub mod peer;
pub mod polkit;
pub mod prism;
pub mod process;
pub mod rig;
pub mod scene;
pub mod snapshot;
pub mod terminal;
pub mod traffic;
pub mod verbs;
pub mod vnstat;
pub mod wait;

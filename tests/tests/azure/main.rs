//! The meter of money against the fake cloud, and against what the real one is known to have said.

#![allow(clippy::unwrap_used)]

mod behaviour;
mod faults;
mod recorded;
mod rig;

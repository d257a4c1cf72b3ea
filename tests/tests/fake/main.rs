//! The fake does what the real ones are known to do.

#![allow(clippy::unwrap_used)]

mod azure;
mod client;
mod faults;
mod jellyfin;

//! Jellyfin held to tiers, against a stateful fake of it, in each version and with its faults.

#![allow(clippy::unwrap_used, missing_docs)]

mod faults;
mod limit;
mod off;
mod rig;
mod secrets;

//! The spend guard: from what the cloud's bill says to a tier, and from the tier to the link's cap
//! and to the media server.
//!
//! [`moment`], [`knowledge`], [`tier`], [`estimate`], [`decision`] and [`asking`] are pure;
//! [`record`] is what is kept over restarts, in the file of [`state`]; [`guard`] asks, decides and
//! acts, and reaches the rest of the helper through [`world`]; [`task`] runs it.

use std::time::Duration;

mod bill;
mod media;
mod view;

pub mod asking;
pub mod decision;
pub mod estimate;
pub mod failing;
pub mod guard;
pub mod knowledge;
pub mod moment;
pub mod reason;
pub mod record;
pub mod state;
pub mod task;
pub mod tier;
pub mod world;

/// A duration as the clocks count.
fn usec(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

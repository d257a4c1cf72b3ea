//! The spend guard: from what the cloud's bill says to a tier, and from the tier to the link's cap
//! and to the media server.
//!
//! [`moment`], [`tier`] and [`estimate`] are pure; [`guard`] asks, decides and
//! acts, and reaches the rest of the helper through [`world`].

pub mod estimate;
pub mod guard;
pub mod moment;
pub mod tier;
pub mod world;

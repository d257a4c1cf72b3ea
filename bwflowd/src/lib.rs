//! The enforcer: holds links to their grants with the kernel's own token bucket.

pub mod account;
pub mod arbitration;
pub mod args;
pub mod board;
pub mod bucket;
pub mod bus;
pub mod claims;
pub mod clock;
pub mod contest;
pub mod decision;
pub mod enforcer;
pub mod exclusion;
pub mod exclusions;
pub mod foreign;
pub mod grants;
pub mod job;
pub mod kernel;
pub mod memory;
pub mod name;
pub mod netlink;
pub mod pace;
pub mod plan;
pub mod privilege;
pub mod progress;
pub mod pulse;
pub mod run;
pub mod shaper;
#[cfg(test)]
mod simulator;
pub mod store;

/// The definition of the command line, for its manual.
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}

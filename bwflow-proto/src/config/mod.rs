//! The configuration `/etc/bwflow/config.toml`: its meaning, after every check has passed.

mod exclude;
mod link;
mod load;
mod parse;
mod plan;
mod problem;
#[cfg(test)]
mod refusals;
mod render;
#[cfg(test)]
mod robustness;
mod schema;
mod secret;
mod section;
mod spend;
mod syntax;
mod value;

use std::time::Duration;

use jiff::tz::TimeZone;

pub use load::{Loaded, Rejected, load_bytes, load_str};
pub use problem::{Problem, Severity, Span};
pub use render::{Style, position, render};
pub use schema::keys;
pub use spend::{Azure, Cloud, Identity, Jellyfin, PRICES, Price, Spend, Tier};

use crate::count::Count;
use crate::network::Network;

/// Where the configuration is looked for when nobody says otherwise.
pub const PATH: &str = "/etc/bwflow/config.toml";

/// A whole configuration in which every value has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The links with a budget, in the order of the file; at least one, no name twice.
    pub links: Vec<Link>,
    /// The longest time between two looks at the counters.
    pub poll_interval: Duration,
    /// Thresholds in percent of the budget, ascending, each 1..=1000.
    pub alert_percents: Vec<u32>,
    /// Whose count is asked for.
    pub source: Source,
    /// The spend guard; nothing while it is switched off.
    pub spend: Option<Spend>,
    /// The media server of a spend guard that is switched off: what was changed there is still to be
    /// put back. Nothing while the guard is on.
    pub idle_jellyfin: Option<Jellyfin>,
}

/// Whose count of a link's traffic is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// vnStat's where it knows the link, else the kernel's.
    #[default]
    Auto,
    /// vnStat's; where it cannot be had that is said, and the kernel's is used.
    Vnstat,
    /// The kernel's alone.
    Kernel,
}

/// One link's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The interface's name, e.g. `eth0`.
    pub interface: String,
    /// Bytes the plan pays for in a period.
    pub budget_bytes: u64,
    /// Bytes credited at the period's start; at most `budget_bytes`.
    pub burst_bytes: u64,
    /// Day of the month a period begins on, 1..=31, clamped to the month's last day.
    pub billing_day: i8,
    /// The zone in which the period's edges fall on midnight.
    pub timezone: TimeZone,
    /// What the provider bills.
    pub count: Count,
    /// What the link is held to once the budget is used up.
    pub throttle: Throttle,
    /// The rate below which a link is not held merely to repay a debt, bytes per second.
    pub min_rate: u64,
    /// Networks whose traffic is neither charged nor held back, none within another.
    pub exclude: Vec<Network>,
}

/// What a link is held to once its budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// To what accrues, so that the budget is never exceeded.
    Drip,
    /// To a rate the user chose, bytes per second, whatever that costs.
    Rate(u64),
}

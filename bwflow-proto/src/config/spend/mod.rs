//! The spend guard's part of the configuration.

mod address;
mod azure;
mod beside;
mod jellyfin;
mod price;
mod read;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod tier;
mod timing;
mod value;

use std::path::PathBuf;
use std::time::Duration;

pub use price::{PRICES, Price};
pub(super) use read::read;

use crate::money::Money;

/// The spend guard, switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// How often to decide, and to see whether Jellyfin still follows.
    pub check_interval: Duration,
    /// How often to ask for the cost; clouds renew it every few hours.
    pub cost_interval: Duration,
    /// How long the cost may stay unknown or stale until the tier goes one down, and one more
    /// after as long again.
    pub stale_after: Duration,
    /// How far behind the reported cost is: what the link has sent in this time before the report
    /// is estimated, too.
    pub cost_delay: Duration,
    /// How far below an edge the share must fall to go back up, hundredths of a percent.
    pub hysteresis: u32,
    /// ISO 4217 code: of the price, of the budget that is configured, and expected of the cloud.
    pub currency: String,
    /// What 10^9 bytes cost that the link sends; without it nothing is estimated.
    pub price_per_gb: Option<Money>,
    /// The price of a list that this is, when it was given by its name.
    pub price_preset: Option<&'static Price>,
    /// The link whose traffic is billed and that is capped; one of the configuration's. Nothing only
    /// if neither a price nor a cap is given.
    pub interface: Option<String>,
    /// Where cost and budget are asked for.
    pub azure: Azure,
    /// At least one, in the order of their edges; only the last has no edge.
    pub tiers: Vec<Tier>,
    /// The media server to hold.
    pub jellyfin: Option<Jellyfin>,
}

/// What holds while the share of the budget that is spent is at most `up_to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name; none twice.
    pub name: String,
    /// The share up to which it holds, hundredths of a percent, inclusive; nothing for the last one.
    pub up_to: Option<u32>,
    /// What remote streams are limited to, bits per second, 1..=2147483647; never 0. A tier that
    /// switches off has that of the tier before unless it says otherwise: it holds as far as
    /// switching off does not.
    pub bitrate: Option<u32>,
    /// What the link is capped to, bytes per second; of a tier that switches off likewise.
    pub link_rate: Option<u64>,
    /// Whether remote streaming is switched off.
    pub off: bool,
}

/// A cloud of Azure: which addresses it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// The public one.
    Public,
    /// That of the US government.
    UsGovernment,
    /// That of China.
    China,
}

/// The managed identity to use where a machine has several. They exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// By its client id.
    Client(String),
    /// By its object id.
    Object(String),
    /// By its resource id.
    Resource(String),
}

/// Where cost and budget are asked for. What is not given is found out from the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Azure {
    /// The budget to ask for.
    pub budget_name: Option<String>,
    /// The budget when the cloud has none that fits, more than zero.
    pub fallback_budget: Option<Money>,
    /// The subscription.
    pub subscription_id: Option<String>,
    /// Only this resource group of it.
    pub resource_group: Option<String>,
    /// The identity; nothing for the machine's own.
    pub identity: Option<Identity>,
    /// The cloud.
    pub cloud: Option<Cloud>,
    /// Base address of the management API, `https://…` (plain `http` to loopback only), without a
    /// slash at its end.
    pub endpoint: Option<String>,
    /// Base address of the identity and metadata service, like `http://169.254.169.254`.
    pub imds_endpoint: Option<String>,
}

/// The media server to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jellyfin {
    /// Base address with its path, `http` or `https`, without a slash at its end.
    pub url: String,
    /// What to send as `Host` instead of the address's.
    pub host_header: Option<String>,
    /// The file that holds the API key; nothing for the systemd credential `jellyfin-api-key`.
    pub api_key_file: Option<PathBuf>,
    /// What viewers are told before remote streaming is switched off; nothing tells them nothing.
    pub message: Option<String>,
}

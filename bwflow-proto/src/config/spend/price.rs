//! What clouds charge for what leaves them, for those who do not want to look it up.

use crate::money::Money;

/// A price of a public list, at the time when it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Price {
    /// The name that `price_per_gb` takes.
    pub name: &'static str,
    /// Per 10^9 bytes.
    pub per_gb: Money,
    /// ISO 4217 code.
    pub currency: &'static str,
    /// What it is the price of, and whose list says so.
    pub source: &'static str,
    /// When it was read, year and month.
    pub date: &'static str,
}

/// The prices that have a name. Free amounts are left out and the dearest band is taken, so that an
/// estimate is rather too high than too low.
///
/// Azure: the provider's own page shows its prices by a script; the figure is that of two secondary
/// lists which agree. Whether a GB is 10^9 or 2^30 bytes there is not said; 10^9 is the cautious
/// side.
pub const PRICES: &[Price] = &[Price {
    name: "azure-zone1",
    per_gb: Money::from_micros(87_000),
    currency: "USD",
    source: "Azure bandwidth, Microsoft network, North America and Europe, up to 10 TB a month, \
             as secondary lists have it",
    date: "2026-09",
}];

//! The grant: what a link may send, as the helper hands it to the daemon.

use zbus::{DeserializeDict, OwnedVariant, SerializeDict, Type, Variant};

use crate::exclusion::Exclusion;

/// "From these counter values on, this link may send `available_bytes`, plus
/// `drip_bytes_per_second`; past that, hold it to `rate_bytes_per_second`."
///
/// Travels as `a{sv}` with the field names in CamelCase, so that keys can be added.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    SerializeDict,
    DeserializeDict,
    Type,
    Variant,
    OwnedVariant,
)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct Grant {
    /// What is charged: `tx`, `rx`, `sum` or `max` (see [`crate::count::Count`]).
    pub count: String,
    /// The interface index whose counters `tx_counter` and `rx_counter` are.
    pub interface_index: u32,
    /// `IFLA_STATS64` `tx_bytes` at the moment of the grant.
    pub tx_counter: u64,
    /// `IFLA_STATS64` `rx_bytes` at the moment of the grant.
    pub rx_counter: u64,
    /// `CLOCK_BOOTTIME` in microseconds up to which `available_bytes` includes the drip.
    #[zbus(rename = "BoottimeUSec")]
    pub boottime_usec: u64,
    /// Bytes that may still flow; negative is debt. With `max`: bytes that may still be sent.
    pub available_bytes: i64,
    /// With `max`: bytes that may still be received. Otherwise equal to `available_bytes`.
    pub available_receive_bytes: i64,
    /// What accrues, bytes per second.
    pub drip_bytes_per_second: u64,
    /// The rate to hold the link to when nothing is left, bytes per second, at least 1.
    pub rate_bytes_per_second: u64,
    /// A cap that holds while bytes are left, bytes per second; 0 is none.
    pub peak_bytes_per_second: u64,
    /// Slower than this, bytes per second, nobody may throttle the link without saying so twice.
    pub min_rate_bytes_per_second: u64,
    /// The longest time between two looks at the counters, microseconds.
    #[zbus(rename = "PollIntervalUSec")]
    pub poll_interval_usec: u64,
    /// Traffic that is neither charged nor held back, if any.
    pub exclusion: Option<Exclusion>,
}

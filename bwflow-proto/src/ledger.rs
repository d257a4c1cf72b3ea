//! The ledger's figures for one link and period, as they cross the bus.

use zbus::{DeserializeDict, OwnedVariant, SerializeDict, Type, Variant};

/// One period of one link. Times are microseconds since the Unix epoch, UTC.
///
/// Travels as `a{sv}` with the field names in CamelCase (`...USec` for times), so that keys can
/// be added.
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
pub struct LedgerView {
    /// First instant of the period.
    #[zbus(rename = "PeriodStartUSec")]
    pub period_start_usec: u64,
    /// First instant of the next period.
    #[zbus(rename = "PeriodEndUSec")]
    pub period_end_usec: u64,
    /// IANA name of the time zone the period's edges are computed in.
    pub timezone: String,
    /// Bytes the plan pays for in the whole period.
    pub budget_bytes: u64,
    /// Bytes credited at the period's start.
    pub burst_bytes: u64,
    /// Bytes charged since the period's start, corrections included.
    pub used_bytes: u64,
    /// Bytes sent since the period's start.
    pub tx_bytes: u64,
    /// Bytes received since the period's start.
    pub rx_bytes: u64,
    /// Bytes credited so far: burst, what has dripped in, top-ups.
    pub accrued_bytes: u64,
    /// `accrued_bytes - used_bytes`; negative is debt.
    pub available_bytes: i64,
    /// What accrues, bytes per second.
    pub drip_bytes_per_second: u64,
    /// Bytes added to the budget by hand in this period.
    pub topup_bytes: u64,
    /// What vnStat has accounted in this period; 0 while it is not used. With `live_bytes` and
    /// `correction_bytes` it makes up `used_bytes`, whatever is charged.
    pub vnstat_bytes: u64,
    /// What the kernel has counted since vnStat last wrote; all that was counted while vnStat is
    /// not used.
    pub live_bytes: u64,
    /// Everything else: what vnStat dropped less what it invented, what it could not be compared
    /// with, and `bill_correction_bytes`.
    pub correction_bytes: i64,
    /// What was added to `used_bytes` to agree with a bill.
    pub bill_correction_bytes: i64,
    /// What was moved and vnStat has not accounted, as far as that was seen.
    pub vnstat_dropped_bytes: u64,
    /// What vnStat has accounted and was never moved, as far as that was seen.
    pub vnstat_invented_bytes: u64,
    /// The version of vnStat that is used; empty while none is.
    pub vnstat_version: String,
    /// When vnStat last wrote; 0 while it is not used.
    #[zbus(rename = "VnstatUpdatedUSec")]
    pub vnstat_updated_usec: u64,
    /// Whose count this is: `vnstat` or `kernel`.
    pub source: String,
    /// Why vnStat is not used though it is wanted: one sentence, for people. Else empty.
    pub source_note: String,
    /// What is charged: `tx`, `rx`, `sum` or `max`.
    pub counted: String,
    /// `used_bytes` to be expected at the period's end at today's pace.
    pub forecast_bytes: u64,
    /// When `available_bytes` reaches zero at today's pace; 0 when it will not in this period.
    #[zbus(rename = "ExhaustedAtUSec")]
    pub exhausted_at_usec: u64,
    /// The highest of the configured thresholds that `used_bytes` has reached in this period, in
    /// percent of the budget; 0 when none.
    pub reached_percent: u32,
    /// Bytes that were not charged, because they went to or came from excluded networks; nothing
    /// when none are excluded.
    pub excluded_bytes: Option<u64>,
    /// Why those networks are charged all the same; nothing when they are not.
    pub exclusion_fault: Option<String>,
    /// When these figures were true.
    #[zbus(rename = "UpdatedAtUSec")]
    pub updated_at_usec: u64,
}

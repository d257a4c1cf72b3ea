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
    /// What was added to `used_bytes` to agree with a bill.
    pub correction_bytes: i64,
    /// Where the count comes from: `kernel` (later also `vnstat`).
    pub source: String,
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

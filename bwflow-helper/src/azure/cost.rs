//! What was spent.

use bwflow_proto::money::Money;

use crate::period::Period;

/// What the cloud has reported for a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How much, in millionths; negative where credits outweigh. Nothing when nothing is reported yet,
    /// which is no zero.
    pub amount: Option<Money>,
    /// ISO 4217 code; nothing with no amount.
    pub currency: Option<String>,
    /// When the cloud answered, by its own clock, microseconds since the Unix epoch, UTC.
    pub server_usec: i64,
    /// The period that is of.
    pub period: Period,
}

//! How often a budget begins anew.

use serde::{Deserialize, Serialize};

/// How often a budget begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// With each calendar month.
    Monthly,
    /// Every three calendar months.
    Quarterly,
    /// Every twelve calendar months.
    Annually,
    /// With each month of the invoice.
    BillingMonth,
    /// Every three of them.
    BillingQuarter,
    /// Every twelve of them.
    BillingAnnual,
}

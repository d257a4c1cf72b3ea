//! What may be spent.

use bwflow_proto::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grain::Grain;
use crate::period::Period;

/// Where a budget is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetSource {
    /// The cloud's, of the name that was asked for.
    #[serde(rename = "azure_budget_api")]
    AzureBudget,
    /// The cloud's only one that fits, under another name or without one having been asked for.
    #[serde(rename = "azure_only_budget")]
    OnlyBudget,
    /// The configuration's.
    Fallback,
}

impl BudgetSource {
    /// The word on the bus and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AzureBudget => "azure_budget_api",
            Self::OnlyBudget => "azure_only_budget",
            Self::Fallback => "fallback",
        }
    }
}

/// What may be spent in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The cloud's name of it; nothing for the configuration's.
    pub name: Option<String>,
    /// How much, in millionths; more than zero.
    #[serde(rename = "amount_micros", with = "micros")]
    pub amount: Money,
    /// ISO 4217 code.
    pub currency: String,
    /// Where it is from.
    pub source: BudgetSource,
    /// Why it is not the one that was asked for; one sentence, for people. Else empty.
    pub note: String,
    /// How often it begins anew.
    pub grain: Grain,
    /// The instant its first period begins, microseconds since the Unix epoch, UTC; 0 where calendar
    /// months need none.
    pub anchor_usec: i64,
    /// The period by the cloud's clock when it was asked for.
    pub period: Period,
    /// Which cost counts, as a filter of the cost query; nothing for all of the scope.
    pub filter: Option<Value>,
    /// What it is of: `subscriptions/…`, perhaps with a resource group.
    pub scope: String,
}

/// Money as a whole number of millionths.
mod micros {
    use super::{Deserialize, Money};

    pub(super) fn serialize<S: serde::Serializer>(
        money: &Money,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(money.micros)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Money, D::Error> {
        i64::deserialize(deserializer).map(Money::from_micros)
    }
}

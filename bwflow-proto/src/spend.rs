//! The money side as it crosses the bus: what a cloud bill says, and what is done about it.

use std::fmt;
use std::str::FromStr;

use zbus::{DeserializeDict, OwnedVariant, SerializeDict, Type, Variant};

/// How well the cost of this period is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing is known of this period.
    #[default]
    Unknown,
    /// It was known, but that is too long ago.
    Stale,
    /// It is known.
    Fresh,
}

impl Knowledge {
    /// The word on the bus and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::Fresh => "fresh",
        }
    }
}

impl fmt::Display for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Knowledge {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let all = [Self::Unknown, Self::Stale, Self::Fresh];
        all.into_iter().find(|it| it.word() == word).ok_or(())
    }
}

/// What the spend guard knows, has decided and has seen done. Times are microseconds since the Unix
/// epoch, UTC; money is millionths of `currency`'s unit; 0 and empty are "none" where nothing else
/// is said.
///
/// Travels as `a{sv}` with the field names in CamelCase (`...USec` for times), so that keys can be
/// added.
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
pub struct SpendView {
    /// How well the cost is known: a word of [`Knowledge`].
    pub knowledge: String,
    /// ISO 4217 code of every amount here.
    pub currency: String,
    /// The budget that is asked for by name.
    pub azure_budget_name: String,
    /// The budget that the configuration gives in case.
    pub fallback_budget_micros: Option<i64>,
    /// The budget in force; nothing while none is known.
    pub budget_micros: Option<i64>,
    /// Where that is from: `azure_budget_api`, `azure_only_budget` (the only one that fits, under
    /// another name), `fallback` (the configuration's); empty while none is known.
    pub budget_source: String,
    /// Why it is not the one that was asked for; one sentence, for people. Else empty.
    pub budget_note: String,
    /// First instant of the period that budget and cost are of.
    #[zbus(rename = "PeriodStartUSec")]
    pub period_start_usec: u64,
    /// First instant of the next period.
    #[zbus(rename = "PeriodEndUSec")]
    pub period_end_usec: u64,
    /// What the cloud has reported for this period; nothing while that is unknown.
    pub cost_micros: Option<i64>,
    /// When it reported that.
    #[zbus(rename = "CostAtUSec")]
    pub cost_at_usec: u64,
    /// What is estimated to be spent by now, with what the cloud has yet to report.
    pub estimate_micros: Option<i64>,
    /// What the link has sent since what the cost covers, bytes: the estimate's other part.
    pub unreported_bytes: u64,
    /// Its price, per 10^9 bytes; nothing when none is configured.
    pub price_per_gb_micros: Option<i64>,
    /// The estimate as hundredths of a percent of the budget: what the tier is chosen by.
    pub basis_points: Option<i64>,
    /// The name of the tier in force; empty before the first decision.
    pub tier: String,
    /// When it was entered.
    #[zbus(rename = "TierSinceUSec")]
    pub tier_since_usec: u64,
    /// Why it is in force: one sentence, for people.
    pub tier_reason: String,
    /// What Jellyfin is to limit remote streams to, bits per second; 0 when the tier sets no limit.
    pub bitrate_bits_per_second: u32,
    /// Whether the tier switches remote streaming off.
    pub off: bool,
    /// The link that is capped.
    pub interface: String,
    /// The cap, bytes per second; 0 when the tier sets none.
    pub link_rate_bytes_per_second: u64,
    /// Host of Jellyfin's address; empty when there is none to look after.
    pub jellyfin_host: String,
    /// Its port.
    pub jellyfin_port: u16,
    /// How far Jellyfin follows: `held` (read back and right), `pending` (being tried), `unreachable`,
    /// `foreign` (an administrator set something stricter, which is left alone), `refused` (it cannot be
    /// done safely; `jellyfin_error` says why), `none` (nothing is asked of it).
    pub jellyfin_state: String,
    /// `RemoteClientBitrateLimit` as last read back; negative when never read.
    pub jellyfin_bitrate: i64,
    /// `EnableRemoteAccess` as last read back: `yes`, `no` or empty.
    pub jellyfin_remote_access: String,
    /// When it was last read back.
    #[zbus(rename = "JellyfinAtUSec")]
    pub jellyfin_at_usec: u64,
    /// Jellyfin's version as it says.
    pub jellyfin_version: String,
    /// Why it does not hold; one sentence, for people. Else empty.
    pub jellyfin_error: String,
    /// Since when.
    #[zbus(rename = "JellyfinErrorSinceUSec")]
    pub jellyfin_error_since_usec: u64,
    /// Reasons why the limit cannot work although it is set; see [`Finding`].
    pub findings: Vec<Finding>,
    /// Why the cloud could not be asked; one sentence, for people. Else empty.
    pub cost_error: String,
    /// Since when.
    #[zbus(rename = "CostErrorSinceUSec")]
    pub cost_error_since_usec: u64,
    /// When the last check ended; 0 before the first.
    #[zbus(rename = "CheckedAtUSec")]
    pub checked_at_usec: u64,
    /// When the next one is due.
    #[zbus(rename = "NextCheckUSec")]
    pub next_check_usec: u64,
    /// When the cost will be asked for next.
    #[zbus(rename = "NextCostUSec")]
    pub next_cost_usec: u64,
}

/// A reason why Jellyfin's limit has no effect for somebody.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    Type,
    Variant,
    OwnedVariant,
)]
pub struct Finding {
    /// What it is: `clients-local` (streams are seen as coming from the home network), `user-limit` (a
    /// user's own limit is above the server's), `known-proxies` (forwarded addresses are ignored),
    /// `self-remote` (Jellyfin takes bwflow itself for a remote client, so that remote access cannot be
    /// switched off). More may be added.
    pub kind: String,
    /// Whom it concerns, e.g. a user's name or an address; may be empty.
    pub subject: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn words_are_read_back() {
        for it in [Knowledge::Unknown, Knowledge::Stale, Knowledge::Fresh] {
            assert_eq!(it.to_string().parse::<Knowledge>().unwrap(), it);
        }
        assert!("".parse::<Knowledge>().is_err());
    }
}

//! What a configuration is made of, and what of it is known already.

use bwflow_proto::config::{Config, Link};
use bwflow_proto::count::Count;
use bwflow_proto::units::{format_bytes_exact, parse_bytes};
use jiff::tz::TimeZone;

use super::preset::Preset;
use crate::args::Init;
use crate::host::timezone::plain;

/// The least that may be left to drip in, bytes: one a second through the longest month.
const LEAST_DRIP: u64 = 31 * 86_400;

/// One link's plan, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) interface: String,
    /// Bytes a period.
    pub(super) budget: u64,
    /// Bytes at the period's start.
    pub(super) burst: u64,
    /// 1 to 31.
    pub(super) billing_day: i8,
    pub(super) count: Count,
    /// IANA name.
    pub(super) timezone: String,
}

/// As much of it as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) interface: Option<String>,
    pub(super) budget: Option<u64>,
    pub(super) burst: Option<u64>,
    pub(super) billing_day: Option<i8>,
    pub(super) count: Option<Count>,
    pub(super) timezone: Option<String>,
}

impl Known {
    /// What the command line says.
    pub(super) fn from_flags(args: &Init) -> Self {
        Self {
            interface: args.interface.clone(),
            budget: args.budget,
            burst: args.burst,
            billing_day: args.billing_day,
            count: args.count,
            timezone: args.timezone.clone(),
        }
    }

    /// What a provider's preset says.
    pub(super) fn from_preset(preset: &Preset) -> Self {
        Self {
            budget: Some(preset.budget),
            billing_day: Some(preset.billing_day),
            count: Some(preset.count),
            timezone: Some(preset.timezone.to_owned()),
            ..Self::default()
        }
    }

    /// What a configuration says of a link.
    pub(super) fn from_link(link: &Link) -> Self {
        Self {
            interface: Some(link.interface.clone()),
            budget: Some(link.budget_bytes),
            burst: Some(link.burst_bytes),
            billing_day: Some(link.billing_day),
            count: Some(link.count),
            timezone: link.timezone.iana_name().map(str::to_owned),
        }
    }

    /// This, and `other` where this says nothing. A burst belongs to its budget.
    pub(super) fn or(self, other: Self) -> Self {
        let has_budget = self.budget.is_some();
        let keeps_burst = !has_budget || self.budget == other.budget;
        Self {
            interface: self.interface.or(other.interface),
            budget: self.budget.or(other.budget),
            burst: self.burst.or(other.burst.filter(|_| keeps_burst)),
            billing_day: self.billing_day.or(other.billing_day),
            count: self.count.or(other.count),
            timezone: self.timezone.or(other.timezone),
        }
    }

    /// The whole, if nothing is missing.
    pub(super) fn complete(self) -> Option<Answers> {
        Some(Answers {
            interface: self.interface?,
            budget: self.budget?,
            burst: self.burst?,
            billing_day: self.billing_day?,
            count: self.count?,
            timezone: self.timezone?,
        })
    }
}

impl Answers {
    /// Whether the link's plan is this one.
    pub(super) fn are_of(&self, link: &Link) -> bool {
        Known::from_link(link).complete().as_ref() == Some(self)
    }
}

/// The link of that name in a configuration.
pub(super) fn link_of<'a>(config: &'a Config, interface: &str) -> Option<&'a Link> {
    config.links.iter().find(|link| link.interface == interface)
}

/// A budget as it is typed, bytes.
///
/// # Errors
/// What is wrong with it and how to write it.
pub(crate) fn budget(text: &str) -> Result<u64, String> {
    match parse_bytes(text) {
        Ok(0) => {
            Err("a plan that pays for nothing needs no bwflow; say how much it pays for".to_owned())
        }
        Ok(bytes) if i64::try_from(bytes).is_err() => Err("the most is 9 EB".to_owned()),
        other => other.map_err(|error| error.to_string()),
    }
}

/// A burst as it is typed, bytes; whether it suits the budget, only [`burst_of`] can tell.
///
/// # Errors
/// What is wrong with it and how to write it.
pub(crate) fn burst(text: &str) -> Result<u64, String> {
    parse_bytes(text).map_err(|error| error.to_string())
}

/// The burst, if it suits the budget, both bytes.
pub(super) fn burst_of(burst: u64, budget: u64) -> Result<u64, String> {
    if burst > budget {
        return Err(format!(
            "{} are more than the whole budget, {}",
            format_bytes_exact(burst),
            format_bytes_exact(budget)
        ));
    }
    if burst < budget && budget - burst < LEAST_DRIP {
        return Err(format!(
            "that leaves {} to accrue, less than a byte a second; leave at least 3 MB, or nothing",
            format_bytes_exact(budget - burst)
        ));
    }
    Ok(burst)
}

/// A billing day as it is typed.
///
/// # Errors
/// What it must be.
pub(crate) fn billing_day(text: &str) -> Result<i8, String> {
    let day = text.trim().trim_end_matches(['.', ' ']).parse();
    day.ok()
        .filter(|day| (1..=31).contains(day))
        .ok_or_else(|| "a day of the month is wanted, from 1 to 31".to_owned())
}

/// A way of counting as it is typed.
///
/// # Errors
/// The words there are.
pub(crate) fn count(text: &str) -> Result<Count, String> {
    text.trim()
        .to_ascii_lowercase()
        .parse()
        .map_err(|_| "one of tx, rx, sum, max is wanted".to_owned())
}

/// A time zone as it is typed: its IANA name as the database writes it.
///
/// # Errors
/// What zones of a like name there are.
pub(crate) fn timezone(text: &str) -> Result<String, String> {
    let name = text.trim();
    let found = TimeZone::get(name).ok();
    if let Some(name) = found.as_ref().and_then(TimeZone::iana_name) {
        return Ok(plain(name).to_owned());
    }
    let wanted = name.replace(' ', "_").to_ascii_lowercase();
    let mut near: Vec<String> = jiff::tz::db()
        .available()
        .map(|zone| zone.to_string())
        // People know their city, not the continent that the database files it under.
        .filter(|zone| {
            let zone = zone.to_ascii_lowercase();
            !wanted.is_empty() && zone.rsplit('/').next() == Some(wanted.as_str())
        })
        .collect();
    near.truncate(3);
    Err(if near.is_empty() {
        "no such time zone is known; write an IANA name, like Europe/Berlin or UTC".to_owned()
    } else {
        format!("no time zone has this name; write {}", near.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_told_with_what_can() {
        assert_eq!(budget("100 GB"), Ok(100_000_000_000));
        assert!(budget("100").is_err_and(|why| why.contains("100 GB")));
        assert!(budget("0 GB").is_err());
        assert_eq!(burst_of(50, 50), Ok(50));
        assert!(burst_of(51, 50).is_err_and(|why| why.contains("more than")));
        assert!(burst_of(49, 50).is_err_and(|why| why.contains("3 MB")));
        assert_eq!(billing_day(" 31. "), Ok(31));
        for wrong in ["0", "32", "first", "", "-1"] {
            assert!(billing_day(wrong).is_err(), "{wrong}");
        }
        assert_eq!(count("SUM"), Ok(Count::Sum));
        assert!(count("both").is_err());
        assert_eq!(timezone("europe/berlin").as_deref(), Ok("Europe/Berlin"));
        assert_eq!(timezone("Etc/UTC").as_deref(), Ok("UTC"));
        assert!(timezone("Kathmandu").is_err_and(|why| why.contains("Asia/Kathmandu")));
        assert!(timezone("").is_err());
    }

    #[test]
    fn a_burst_goes_with_its_budget() {
        let old = Known {
            budget: Some(100),
            burst: Some(40),
            ..Known::default()
        };
        let budget = |bytes| Known {
            budget: bytes,
            ..Known::default()
        };
        assert_eq!(budget(None).or(old.clone()).burst, Some(40));
        assert_eq!(budget(Some(100)).or(old.clone()).burst, Some(40));
        assert_eq!(budget(Some(10)).or(old).burst, None);
    }
}

//! What clouds charge for what leaves them, for those who do not want to look it up.

use toml::de::DeValue;

use super::value::{line, not_positive, positive};
use crate::config::problem::Problems;
use crate::config::section::{Entry, Section};
use crate::config::value::{digits, wrong_type};
use crate::money::Money;
use crate::units::quoted;

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

/// Three letters of ISO 4217.
pub(super) fn currency(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let code = line(entry, 40, "USD", problems)?;
    if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Some(code.to_owned());
    }
    let message = format!("`currency`: {} is no currency's code", quoted(code));
    let upper = code.to_ascii_uppercase();
    let meant = match upper.as_str() {
        "$" | "DOLLAR" | "DOLLARS" => "USD",
        "€" | "EURO" | "EUROS" => "EUR",
        code if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) => code,
        _ => "USD",
    };
    let hint = format!("write its three letters: currency = \"{meant}\"");
    problems.error(entry.span(), message, Some(hint));
    None
}

/// The price, and the preset it is of; `Some(None)` when none is given.
pub(super) fn read(
    section: &Section<'_>,
    currency: Option<&str>,
    problems: &mut Problems,
) -> Option<Option<(Money, Option<&'static Price>)>> {
    let Some(entry) = section.get("price_per_gb") else {
        return Some(None);
    };
    if let Some(digits) = digits(entry) {
        let price = positive(digits.trim_start_matches('+'));
        if price.is_none() {
            not_positive(entry, &digits, "0.087", problems);
        }
        return price.map(|price| Some((price, None)));
    }
    let name = match entry.value.get_ref() {
        DeValue::String(name) => name.trim(),
        _ => {
            let hint = "write price_per_gb = 0.087".to_owned();
            wrong_type(entry, "a number or a price's name", hint, problems);
            return None;
        }
    };
    let Some(preset) = PRICES.iter().find(|price| price.name == name) else {
        let names: Vec<&str> = PRICES.iter().map(|price| price.name).collect();
        let hint = match positive(name.trim_matches(['$', '€', ' '])) {
            Some(_) => format!(
                "write price_per_gb = {} without quotes or sign",
                name.trim_matches(['$', '€', ' '])
            ),
            None => format!(
                "write a number, like price_per_gb = 0.087, or \"{}\"",
                names.join("\" or \"")
            ),
        };
        let message = format!("`price_per_gb`: no price is called {}", quoted(name));
        problems.error(entry.span(), message, Some(hint));
        return None;
    };
    if currency.is_some_and(|currency| currency != preset.currency) {
        let message = format!(
            "`price_per_gb`: {} is in {}, but `currency` is {}",
            quoted(name),
            preset.currency,
            currency.unwrap_or_default()
        );
        let hint = format!(
            "write the price in {} as a number",
            currency.unwrap_or_default()
        );
        problems.error(entry.span(), message, Some(hint));
        return None;
    }
    Some(Some((preset.per_gb, Some(preset))))
}

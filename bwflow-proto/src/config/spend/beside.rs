//! `[bandwidth_monitor]`: the same guard in the words of the script that it takes the place of.

use toml::de::DeValue;

use super::azure::{budget_name, known};
use super::tier::{Written, checked};
use super::value::{fitting, money, no_limit, percent, positive, shown_percent};
use super::{Azure, Tier};
use crate::config::problem::{Problems, Span};
use crate::config::schema;
use crate::config::section::{Entry, Section};
use crate::config::value::{Given, digits, wrong_type};
use crate::money::Money;
use crate::units::{Decimal, format_bit_rate, parse_bit_rate};

/// What the table says of budget and tiers.
pub(super) struct Beside {
    pub(super) azure: Option<Azure>,
    pub(super) tiers: Option<Vec<Tier>>,
}

/// Reads everything but `enabled`.
pub(super) fn read(section: &Section<'_>, span: Span, problems: &mut Problems) -> Beside {
    let budget_name = Given::read(section.get("azure_budget_name"), problems, budget_name);
    let fallback_budget = Given::read(section.get("fallback_budget"), problems, dollars);
    let label = "[bandwidth_monitor.thresholds]";
    let edges = section.table("thresholds", label, schema::THRESHOLDS, problems);
    let label = "[bandwidth_monitor.limits]";
    let limits = section.table("limits", label, schema::LIMITS, problems);
    let mut edge = |key: &'static str, example: &str| {
        let entry = edges.as_ref().and_then(|section| section.get(key));
        Given::read(entry, problems, |entry, problems| {
            percent(entry, 1..=100_000, example, problems)
        })
    };
    let (high, disabled) = (edge("high", "50"), edge("disabled", "90"));
    let limit = |key: &'static str| limits.as_ref().and_then(|section| section.get(key));
    let (above, between, below) = (limit("high"), limit("medium"), limit("disabled"));
    let tiers = [
        (
            "high",
            high.or(Given::Is(5_000, span.clone())),
            Given::read(above, problems, bits).or(Given::Is(4_000_000, span.clone())),
        ),
        (
            "medium",
            disabled.or(Given::Is(9_000, span.clone())),
            Given::read(between, problems, bits).or(Given::Is(2_000_000, span.clone())),
        ),
    ];
    let mut written: Vec<Written> = tiers
        .into_iter()
        .map(|(name, up_to, bitrate)| tier(name, &span, up_to, bitrate, false))
        .collect();
    // 0 is the word for off here, and only here.
    let is_off = below.is_none_or(|entry| is_zero(entry));
    let last = Given::read(below.filter(|_| !is_off), problems, bits);
    written.push(tier("disabled", &span, Given::Not, last, is_off));
    let tiers = if check_edges(&written, problems) {
        checked(written, true, problems)
    } else {
        None
    };
    Beside {
        azure: azure(budget_name, fallback_budget),
        tiers,
    }
}

fn tier(name: &str, span: &Span, up_to: Given<u32>, bitrate: Given<u32>, is_off: bool) -> Written {
    Written {
        span: span.clone(),
        name: Given::Is(name.to_owned(), span.clone()),
        up_to,
        bitrate,
        link_rate: Given::Not,
        off: Given::Is(is_off, span.clone()),
    }
}

fn azure(budget_name: Given<String>, fallback_budget: Given<Money>) -> Option<Azure> {
    Some(Azure {
        budget_name: known(budget_name)?,
        fallback_budget: known(fallback_budget)?,
        ..Azure::default()
    })
}

/// In the words of this table; the general check would speak of other keys.
fn check_edges(tiers: &[Written], problems: &mut Problems) -> bool {
    let [first, second, ..] = tiers else {
        return true;
    };
    let (Given::Is(high, _), Given::Is(disabled, span)) = (&first.up_to, &second.up_to) else {
        return true;
    };
    if high < disabled {
        return true;
    }
    let message = format!(
        "thresholds.disabled is {}, but thresholds.high is {}",
        shown_percent(*disabled),
        shown_percent(*high)
    );
    let hint = "high is where quality goes down, disabled where streaming ends: 50 and 90";
    problems.error(span.clone(), message, Some(hint.to_owned()));
    false
}

fn is_zero(entry: Entry<'_>) -> bool {
    digits(entry).is_some_and(|digits| Decimal::parse(&digits).is_ok_and(Decimal::is_zero))
}

/// Bits per second as a plain number.
fn bits(entry: Entry<'_>, problems: &mut Problems) -> Option<u32> {
    let DeValue::Integer(_) = entry.value.get_ref() else {
        let meant = match entry.value.get_ref() {
            DeValue::String(text) => parse_bit_rate(text).ok().filter(|bits| *bits > 0),
            _ => None,
        };
        let bits = meant.unwrap_or(2_000_000);
        let hint = format!("write {} = {bits} for {}", entry.key, format_bit_rate(bits));
        wrong_type(entry, "a whole number of bits per second", hint, problems);
        return None;
    };
    if is_zero(entry) {
        no_limit(
            entry,
            "leave 0 to limits.disabled, where it means off",
            problems,
        );
        return None;
    }
    let written = digits(entry)?;
    match Decimal::parse(&written).ok().and_then(|it| it.scaled(1, 1)) {
        Some(bits) => fitting(entry, bits, problems),
        None => {
            let hint = format!("write {} = 2000000 for 2 Mbit/s", entry.key);
            let message = format!("`{}` is no rate", entry.key);
            problems.error(entry.span(), message, Some(hint));
            None
        }
    }
}

/// A number, or text like `$150.00`, as the script shows it.
fn dollars(entry: Entry<'_>, problems: &mut Problems) -> Option<Money> {
    if let DeValue::String(text) = entry.value.get_ref()
        && let Some(money) = text.trim().strip_prefix('$').and_then(positive)
    {
        return Some(money);
    }
    money(entry, "150.00", problems)
}

//! Values that only the spend guard has: spans of time, shares, money, bit rates.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::problem::Problems;
use crate::config::section::Entry;
use crate::config::value::{digits, text, unit_error, wrong_type};
use crate::money::Money;
use crate::units::{
    Decimal, format_bit_rate, format_bit_rate_exact, format_duration, parse_bit_rate,
    parse_duration, parse_rate, quoted,
};

/// Jellyfin keeps its limit in 32 bits with a sign.
const MOST_BITS: u32 = 2_147_483_647;

/// A minute, an hour, a day in seconds.
pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 86_400;

/// A span of time within a range of seconds; `example` is a right value.
pub(super) fn span_of_time(
    entry: Entry<'_>,
    seconds: RangeInclusive<u64>,
    example: &str,
    problems: &mut Problems,
) -> Option<Duration> {
    if digits(entry).is_some() {
        let hint = format!("write {} = \"{example}\"", entry.key);
        wrong_type(entry, "a span of time with its unit", hint, problems);
        return None;
    }
    let span = match parse_duration(text(entry, example, problems)?) {
        Ok(span) => span,
        Err(error) => {
            unit_error(entry, &error, problems);
            return None;
        }
    };
    if seconds.contains(&span.as_secs()) {
        return Some(span);
    }
    let shown = |seconds: &u64| format_duration(Duration::from_secs(*seconds));
    let message = format!(
        "`{}` is {}, but must be from {} to {}",
        entry.key,
        format_duration(span),
        shown(seconds.start()),
        shown(seconds.end())
    );
    let hint = format!("write {} = \"{example}\"", entry.key);
    problems.error(entry.span(), message, Some(hint));
    None
}

/// A percentage with up to two decimals, in hundredths of a percent, within a range of those.
pub(super) fn percent(
    entry: Entry<'_>,
    hundredths: RangeInclusive<u32>,
    example: &str,
    problems: &mut Problems,
) -> Option<u32> {
    let Some(digits) = digits(entry) else {
        let meant = match entry.value.get_ref() {
            DeValue::String(text) => Some(text.trim().trim_end_matches('%').trim_end()),
            _ => None,
        };
        let meant = meant.filter(|meant| Decimal::parse(meant).is_ok());
        let hint = match meant {
            Some(meant) => format!("write {} = {meant} without quotes", entry.key),
            None => format!("write {} = {example}", entry.key),
        };
        wrong_type(entry, "a number of percent", hint, problems);
        return None;
    };
    let number = Decimal::parse(digits.trim_start_matches('+')).ok();
    // Fine enough to see a third decimal, coarse enough to hold 1000.
    const FINE: u64 = 1_000_000_000_000;
    let fine = number.and_then(|number| number.scaled(FINE, 1));
    let hint = Some(format!("write {} = {example}", entry.key));
    let value = fine.and_then(|fine| u32::try_from(fine / (FINE / 100)).ok());
    match (value, fine) {
        (Some(value), Some(fine)) if hundredths.contains(&value) => {
            if fine % (FINE / 100) == 0 {
                return Some(value);
            }
            let message = format!("`{}` has more than two decimals", entry.key);
            let hint = format!("write {} = {}", entry.key, shown_percent(value));
            problems.error(entry.span(), message, Some(hint));
        }
        _ => {
            let message = format!(
                "`{}` is {}, but must be from {} to {}",
                entry.key,
                quoted(&digits),
                shown_percent(*hundredths.start()),
                shown_percent(*hundredths.end())
            );
            problems.error(entry.span(), message, hint);
        }
    }
    None
}

/// `90`, `87.5`, `0.01`: hundredths of a percent as they are written.
pub(super) fn shown_percent(hundredths: u32) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An amount of money of more than nothing.
pub(super) fn money(entry: Entry<'_>, example: &str, problems: &mut Problems) -> Option<Money> {
    let Some(digits) = digits(entry) else {
        let meant = match entry.value.get_ref() {
            DeValue::String(text) => Some(text.trim().trim_matches(['$', '€', '£', ' '])),
            _ => None,
        };
        let meant = meant.filter(|meant| positive(meant).is_some());
        let hint = match meant {
            Some(meant) => format!("write {} = {meant} without quotes or sign", entry.key),
            None => format!("write {} = {example}", entry.key),
        };
        wrong_type(entry, "a number", hint, problems);
        return None;
    };
    let money = positive(digits.trim_start_matches('+'));
    if money.is_none() {
        not_positive(entry, &digits, example, problems);
    }
    money
}

/// Reports that an amount of money is not more than nothing, or more than can be counted.
pub(super) fn not_positive(
    entry: Entry<'_>,
    written: &str,
    example: &str,
    problems: &mut Problems,
) {
    let message = format!(
        "`{}` is {}, but must be an amount of more than zero",
        entry.key,
        quoted(written)
    );
    let hint = format!("write {} = {example}", entry.key);
    problems.error(entry.span(), message, Some(hint));
}

/// An amount of at least a millionth.
pub(super) fn positive(text: &str) -> Option<Money> {
    Money::parse(text).ok().filter(|money| money.micros > 0)
}

/// What a limit of 0 would do, and what to write for what is meant by it.
pub(super) fn no_limit(entry: Entry<'_>, cure: &str, problems: &mut Problems) {
    let message = format!(
        "`{}` is 0, which is no limit at all to Jellyfin, not \"off\"",
        entry.key
    );
    problems.error(entry.span(), message, Some(cure.to_owned()));
}

/// A rate in bits per second that Jellyfin can hold.
pub(super) fn bitrate(entry: Entry<'_>, problems: &mut Problems) -> Option<u32> {
    const OFF: &str = "write off = true to switch remote streaming off";
    let number = digits(entry);
    let is_zero = |text: &str| Decimal::parse(text.trim()).is_ok_and(Decimal::is_zero);
    if number.as_deref().is_some_and(is_zero) {
        no_limit(entry, OFF, problems);
        return None;
    }
    if let Some(number) = number {
        let bits = Decimal::parse(&number).ok();
        let bits = bits.and_then(|number| number.scaled(1, 1));
        let bits = bits.filter(|bits| (1..=MOST_BITS.into()).contains(bits));
        let rate = bits.map_or_else(|| "2 Mbit/s".to_owned(), format_bit_rate_exact);
        let hint = format!("write {} = \"{rate}\"", entry.key);
        wrong_type(entry, "a rate with its unit", hint, problems);
        return None;
    }
    let written = text(entry, "2 Mbit/s", problems)?;
    let bits = match parse_bit_rate(written) {
        _ if is_zero(written) => 0,
        Ok(bits) => bits,
        Err(error) => {
            unit_error(entry, &error, problems);
            return None;
        }
    };
    if bits == 0 {
        no_limit(entry, OFF, problems);
        return None;
    }
    fitting(entry, bits, problems)
}

/// The rate as Jellyfin keeps it.
pub(super) fn fitting(entry: Entry<'_>, bits: u64, problems: &mut Problems) -> Option<u32> {
    let fitting = u32::try_from(bits).ok().filter(|bits| *bits <= MOST_BITS);
    if fitting.is_none() {
        let message = format!(
            "`{}` is {}, but Jellyfin takes at most {MOST_BITS} bit/s",
            entry.key,
            format_bit_rate(bits)
        );
        let hint = format!("leave {} out for no limit", entry.key);
        problems.error(entry.span(), message, Some(hint));
    }
    fitting
}

/// What a link is capped to, bytes per second.
pub(super) fn link_rate(entry: Entry<'_>, problems: &mut Problems) -> Option<u64> {
    if digits(entry).is_some() {
        let hint = format!("write {} = \"20 Mbit/s\"", entry.key);
        wrong_type(entry, "a rate with its unit", hint, problems);
        return None;
    }
    match parse_rate(text(entry, "20 Mbit/s", problems)?) {
        Ok(rate) => Some(rate),
        Err(error) => {
            unit_error(entry, &error, problems);
            None
        }
    }
}

/// A short text of one line: not empty, nothing that a terminal would obey.
pub(super) fn line<'a>(
    entry: Entry<'a>,
    most: usize,
    example: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    let line = text(entry, example, problems)?.trim();
    let wrong = if line.is_empty() {
        "is empty".to_owned()
    } else if line.chars().count() > most {
        format!("is longer than {most} characters")
    } else if line.contains(crate::units::is_unprintable) {
        "holds a character that cannot be shown".to_owned()
    } else {
        return Some(line);
    };
    let hint = format!("write {} = \"{example}\"", entry.key);
    problems.error(entry.span(), format!("`{}` {wrong}", entry.key), Some(hint));
    None
}

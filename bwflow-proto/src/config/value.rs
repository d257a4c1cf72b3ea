//! Single values: the right type, the right range, the right words.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::problem::{Problems, Span};
use super::schema::nearest;
use super::section::Entry;
use crate::units::{Decimal, UnitError, mended, parse_bytes, quoted};

/// What a file says about a key.
#[derive(Clone, Debug, Default)]
pub(super) enum Given<T> {
    /// Nothing.
    #[default]
    Not,
    /// Something wrong, which has been reported.
    Wrong,
    /// A checked value, and where it stands.
    Is(T, Span),
}

impl<T> Given<T> {
    /// Reads `entry` with `read`, which reports what is wrong and then returns `None`.
    pub(super) fn read<'a>(
        entry: Option<Entry<'a>>,
        problems: &mut Problems,
        read: impl FnOnce(Entry<'a>, &mut Problems) -> Option<T>,
    ) -> Self {
        match entry {
            None => Self::Not,
            Some(entry) => match read(entry, problems) {
                Some(value) => Self::Is(value, entry.span()),
                None => Self::Wrong,
            },
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match self {
            Self::Not => other,
            given => given,
        }
    }

    pub(super) const fn is_given(&self) -> bool {
        !matches!(self, Self::Not)
    }
}

/// Reports that the value has the wrong type.
pub(super) fn wrong_type(entry: Entry<'_>, wanted: &str, hint: String, problems: &mut Problems) {
    let is = match entry.value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("`{}` wants {wanted}, not {is}", entry.key);
    problems.error(entry.span(), message, Some(hint));
}

/// Reports what the units have to say.
pub(super) fn unit_error(entry: Entry<'_>, error: &UnitError, problems: &mut Problems) {
    problems.error(
        entry.span(),
        format!("`{}`: {}", entry.key, error.message()),
        error.hint().map(str::to_owned),
    );
}

/// A string; `example` is a right one.
pub(super) fn text<'a>(
    entry: Entry<'a>,
    example: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    match entry.value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => {
            let hint = format!("write {} = \"{example}\"", entry.key);
            wrong_type(entry, "a string", hint, problems);
            None
        }
    }
}

/// A whole number within `range`; `example` is a right value of the key.
pub(super) fn whole(
    entry: Entry<'_>,
    range: RangeInclusive<u32>,
    example: &str,
    problems: &mut Problems,
) -> Option<u32> {
    let DeValue::Integer(integer) = entry.value.get_ref() else {
        let meant = match entry.value.get_ref() {
            DeValue::String(text) => text.trim().parse::<u32>().ok(),
            _ => None,
        };
        let hint = match meant.filter(|meant| range.contains(meant)) {
            // In a list the example is a list.
            Some(meant) if !example.starts_with('[') => {
                format!("write {} = {meant} without quotes", entry.key)
            }
            _ => format!("write {} = {example}", entry.key),
        };
        wrong_type(entry, "a whole number", hint, problems);
        return None;
    };
    let value = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
    match value {
        Some(value) if range.contains(&value) => Some(value),
        _ => {
            let message = format!(
                "`{}` is {}, but must be from {} to {}",
                entry.key,
                quoted(&integer.to_string()),
                range.start(),
                range.end()
            );
            let hint = format!("write {} = {example}", entry.key);
            problems.error(entry.span(), message, Some(hint));
            None
        }
    }
}

/// Either `true` or `false`.
pub(super) fn boolean(entry: Entry<'_>, problems: &mut Problems) -> Option<bool> {
    match entry.value.get_ref() {
        DeValue::Boolean(value) => Some(*value),
        DeValue::String(text) if matches!(&**text, "true" | "yes" | "on") => {
            let hint = format!("write {} = true without quotes", entry.key);
            wrong_type(entry, "true or false", hint, problems);
            None
        }
        _ => {
            let hint = format!("write {} = false", entry.key);
            wrong_type(entry, "true or false", hint, problems);
            None
        }
    }
}

/// A number of gigabytes of 10^9 bytes, whole or with a fraction, taken from its digits as
/// written: binary floating point does not hold tenths.
pub(super) fn gigabytes(entry: Entry<'_>, problems: &mut Problems) -> Option<u64> {
    if let Some(digits) = digits(entry) {
        return gigabytes_of(entry, &digits, problems);
    }
    match entry.value.get_ref() {
        DeValue::String(text) => {
            let plain = entry.key.trim_end_matches("_gb");
            let text = text.trim();
            let hint = if Decimal::parse(text).is_ok() {
                format!("write {} = {text} without quotes", entry.key)
            } else if parse_bytes(text).is_ok() {
                format!("write {plain} = \"{text}\"")
            } else if let Some(meant) = mended(text, parse_bytes).first() {
                format!("write {plain} = \"{meant}\"")
            } else {
                format!("write {} = 100 or {plain} = \"100 GB\"", entry.key)
            };
            wrong_type(entry, "a number of gigabytes", hint, problems);
        }
        _ => {
            let hint = format!("write {} = 100", entry.key);
            wrong_type(entry, "a number of gigabytes", hint, problems);
        }
    }
    None
}

/// The number that the file gives, in decimal as it is written; `None` for what is no number.
pub(super) fn digits(entry: Entry<'_>) -> Option<String> {
    Some(match entry.value.get_ref() {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().to_owned(),
        DeValue::Integer(integer) => u128::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| integer.to_string(), |value| value.to_string()),
        DeValue::Float(float) => float.as_str().to_owned(),
        _ => return None,
    })
}

fn gigabytes_of(entry: Entry<'_>, digits: &str, problems: &mut Problems) -> Option<u64> {
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if digits.starts_with('-') {
        let message = format!("`{}` is negative", entry.key);
        problems.error(
            entry.span(),
            message,
            Some("write it without the minus".to_owned()),
        );
        return None;
    }
    match Decimal::parse(digits) {
        Ok(number) => countable(entry, number.scaled(1_000_000_000, 1), problems),
        Err(error) => {
            let message = format!("`{}`: {}", entry.key, error.message());
            let hint = format!("write {} = 100", entry.key);
            problems.error(entry.span(), message, Some(hint));
            None
        }
    }
}

/// An amount with its unit.
pub(super) fn amount(entry: Entry<'_>, problems: &mut Problems) -> Option<u64> {
    if let Some(digits) = digits(entry) {
        let key = entry.key;
        let number = digits.trim_start_matches(['+', '-']);
        let hint = match Decimal::parse(number) {
            Ok(_) if parse_bytes(&format!("{number} GB")).is_ok() => {
                format!("write {key} = \"{number} GB\" or {key}_gb = {number}")
            }
            Ok(_) => format!("write {key}_gb = {number}"),
            Err(_) => format!("write {key} = \"100 GB\""),
        };
        wrong_type(entry, "an amount with its unit", hint, problems);
        return None;
    }
    match parse_bytes(text(entry, "100 GB", problems)?) {
        Ok(bytes) => countable(entry, Some(bytes), problems),
        Err(error) => {
            unit_error(entry, &error, problems);
            None
        }
    }
}

/// What is left over is counted with a sign, so half of `u64` is out of reach.
fn countable(entry: Entry<'_>, bytes: Option<u64>, problems: &mut Problems) -> Option<u64> {
    let countable = bytes.filter(|bytes| i64::try_from(*bytes).is_ok());
    if countable.is_none() {
        let message = format!("`{}` is more than can be counted", entry.key);
        let hint = Some("the most is 9 EB, 9000000000 GB".to_owned());
        problems.error(entry.span(), message, hint);
    }
    countable
}

/// An IANA time zone.
pub(super) fn timezone(entry: Entry<'_>, problems: &mut Problems) -> Option<TimeZone> {
    let name = text(entry, "Europe/Berlin", problems)?;
    if let Ok(zone) = TimeZone::get(name)
        && zone.iana_name().is_some()
    {
        return Some(zone);
    }
    let message = format!("unknown time zone {}", quoted(name));
    problems.error(entry.span(), message, Some(timezone_hint(name)));
    None
}

/// Files that stand among the zones on many hosts but name none.
const NO_ZONES: [&str; 4] = ["localtime", "posixrules", "Factory", "leapseconds"];

fn timezone_hint(name: &str) -> String {
    let zones: Vec<String> = jiff::tz::db()
        .available()
        .map(|zone| zone.to_string())
        .filter(|zone| !NO_ZONES.contains(&zone.as_str()))
        .collect();
    let wanted = name.trim().replace(' ', "_").to_ascii_lowercase();
    if ["local", "localtime", "system", "host"].contains(&wanted.as_str()) {
        return "write the zone's own name, like \"Europe/Berlin\"; `timedatectl` or \
                /etc/timezone shows this host's"
            .to_owned();
    }
    let city = |zone: &str| {
        zone.rsplit('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    // People know their city, not the continent that the database files it under.
    let mut near: Vec<&str> = zones
        .iter()
        .map(String::as_str)
        .filter(|zone| !wanted.is_empty() && city(zone) == city(&wanted))
        .collect();
    if near.is_empty() {
        near.extend(nearest(name, zones.iter().map(String::as_str)));
    }
    near.truncate(3);
    if near.is_empty() {
        "write an IANA name like \"Europe/Berlin\" or \"UTC\"".to_owned()
    } else {
        format!("did you mean \"{}\"?", near.join("\" or \""))
    }
}

/// The name of a network interface, by the kernel's own rules.
pub(super) fn interface(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let name = text(entry, "eth0", problems)?;
    let wrong = if name.is_empty() {
        Some("is empty")
    } else if name.len() > 15 {
        Some("is longer than 15 bytes")
    } else if name == "." || name == ".." {
        Some("is no interface name")
    } else if name.contains(['/', ':']) {
        Some("holds a `/` or `:`")
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("holds white space or control characters")
    } else {
        None
    };
    let Some(wrong) = wrong else {
        return Some(name.to_owned());
    };
    let hint = "write a name that `ip link` shows, like \"eth0\"".to_owned();
    problems.error(
        entry.span(),
        format!("interface {} {wrong}", quoted(name)),
        Some(hint),
    );
    None
}

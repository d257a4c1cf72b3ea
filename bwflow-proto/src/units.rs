//! Amounts, rates and times as people write and read them.
//!
//! Everything here is computed in integers: a budget is money, and binary fractions do not hold
//! tenths. What is ambiguous (a bare number, `Gb` for gigabytes) is refused with a hint rather
//! than guessed.

mod bytes;
mod decimal;
mod duration;
mod mended;
mod rate;
mod scale;

use std::fmt;

pub use bytes::{
    format_bytes, format_bytes_exact, format_bytes_iec, format_signed_bytes, parse_bytes,
};
pub use decimal::Decimal;
pub use duration::{format_duration, parse_duration};
pub use rate::{format_bit_rate, format_bit_rate_exact, format_rate, parse_bit_rate, parse_rate};

#[cfg(feature = "config")]
pub(crate) use mended::mended;

/// Why a text is not an amount, a rate or a time: what is wrong and, where it can be told, how to
/// write it instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    message: String,
    hint: Option<String>,
}

impl UnitError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// What is wrong, in one line without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to write it instead.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnitError {}

/// The text in quotes for a message: control characters escaped, cut to a readable length.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::from("`");
    for (i, c) in text.chars().enumerate() {
        if i == LONGEST {
            out.push('…');
            break;
        }
        if is_unprintable(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}

/// Whether a terminal would not show the character but obey it, or show nothing for it.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Splits `10 GB` into its number and its unit; either may come out empty.
fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (
        number,
        unit.trim_start_matches(|c: char| c.is_ascii_whitespace()),
    )
}

/// The refusal of a text that does not begin with a number; `example` is a right one, `mended`
/// what was probably meant.
fn no_number(text: &str, example: &str, mended: &[String]) -> UnitError {
    let trimmed = text.trim();
    let hint = choice(mended).unwrap_or_else(|| format!("write it like \"{example}\""));
    if trimmed.is_empty() {
        UnitError::with_hint("the value is empty", hint)
    } else if trimmed.starts_with(['-', '−']) {
        UnitError::with_hint(format!("{} is negative", quoted(trimmed)), hint)
    } else {
        UnitError::with_hint(
            format!("{} does not begin with a number", quoted(trimmed)),
            hint,
        )
    }
}

/// The hint to write one of these texts; `None` when there is none.
fn choice(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| format!("write \"{}\"", texts.join("\" or \"")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn messages_stay_short_and_printable() {
        let error = parse_bytes(&"\u{7}x".repeat(1000)).unwrap_err();
        assert!(error.to_string().chars().count() < 250, "{error}");
        assert!(!error.to_string().contains('\u{7}'));
    }
}

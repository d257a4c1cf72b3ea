//! Spans of time in whole seconds.

use std::fmt::Write as _;
use std::time::Duration;

use super::mended::mended;
use super::{UnitError, no_number, quoted};

/// Largest first: the order in which they must be written.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

const EXAMPLE: &str = "1h30m";

/// Reads `45s`, `90m`, `2h`, `3d` or `1h30m`; a day is 24 hours.
///
/// # Errors
/// When there is no number, a number without unit, a unit twice or out of order, a fraction, or
/// more seconds than `u64` holds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(no_number(text, EXAMPLE, &mended(text, parse_duration)));
    }
    let mut seconds = 0_u64;
    let mut smaller_units = &UNITS[..];
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let tail = tail.trim_start_matches(' ');
        let Some(letter) = tail.chars().next() else {
            return Err(UnitError::with_hint(
                format!("{} has no unit", quoted(number)),
                format!("write \"{number}s\", \"{number}m\", \"{number}h\" or \"{number}d\""),
            ));
        };
        if letter == '.' || letter == ',' {
            return Err(UnitError::with_hint(
                format!("{} has a fraction", quoted(text.trim())),
                format!("write whole numbers, like \"{EXAMPLE}\""),
            ));
        }
        let Some(at) = smaller_units.iter().position(|(name, _)| *name == letter) else {
            return Err(wrong_unit(text, letter));
        };
        let (_, factor) = smaller_units[at];
        smaller_units = &smaller_units[at + 1..];
        rest = &tail[letter.len_utf8()..];
        if rest.starts_with(|c: char| c.is_alphabetic()) || number.is_empty() {
            return Err(wrong_unit(text, letter));
        }
        rest = rest.trim_start_matches(' ');
        seconds = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(|| {
                UnitError::new(format!("{} is longer than can be counted", quoted(text)))
            })?;
    }
    Ok(Duration::from_secs(seconds))
}

fn wrong_unit(text: &str, letter: char) -> UnitError {
    let hint = if UNITS.iter().any(|(name, _)| *name == letter) {
        format!("each of d, h, m, s once and in this order, like \"{EXAMPLE}\"")
    } else {
        format!("the units are d, h, m, s, like \"{EXAMPLE}\"")
    };
    UnitError::with_hint(format!("{} is not a time span", quoted(text.trim())), hint)
}

/// `1h30m`, `3d`, `0s`; parts of a second are dropped.
pub fn format_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut out = String::new();
    for (name, factor) in UNITS {
        if seconds >= factor {
            let _ = write!(out, "{}{name}", seconds / factor);
            seconds %= factor;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [
            ("45s", 45),
            ("90m", 5_400),
            ("2h", 7_200),
            ("3d", 259_200),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            ("1d1s", 86_401),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_refused_says_how_to_write_it() {
        for (text, message) in [
            ("", "the value is empty (write it like \"1h30m\")"),
            (
                "90",
                "`90` has no unit (write \"90s\", \"90m\", \"90h\" or \"90d\")",
            ),
            (
                "1.5h",
                "`1.5h` has a fraction (write whole numbers, like \"1h30m\")",
            ),
            (
                "30m1h",
                "`30m1h` is not a time span (each of d, h, m, s once and in this order, like \"1h30m\")",
            ),
            (
                "1h1h",
                "`1h1h` is not a time span (each of d, h, m, s once and in this order, like \"1h30m\")",
            ),
            (
                "5 weeks",
                "`5 weeks` is not a time span (the units are d, h, m, s, like \"1h30m\")",
            ),
            ("-5m", "`-5m` is negative (write \"5m\")"),
            (
                "99999999999999999999d",
                "`99999999999999999999d` is longer than can be counted",
            ),
        ] {
            assert_eq!(
                parse_duration(text).unwrap_err().to_string(),
                message,
                "{text}"
            );
        }
        assert!(parse_duration("5min").is_err());
        assert!(parse_duration("1h m").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn any_mix_of_numbers_and_units_is_answered(text in "[0-9dhms .é]{0,20}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn shown_spans_are_read_back(seconds: u64) {
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&format_duration(span)), Ok(span));
        }
    }
}

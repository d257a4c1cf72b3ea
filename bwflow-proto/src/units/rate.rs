//! Rates: written and shown in bits per second, held in bytes per second.

use super::decimal::Decimal;
use super::mended::{holds_separator, mended};
use super::scale::three_digits;
use super::{UnitError, choice, no_number, quoted, split_unit};

const SHOWN: [(u128, &str); 5] = [
    (1, "bit/s"),
    (1_000, "kbit/s"),
    (1_000_000, "Mbit/s"),
    (1_000_000_000, "Gbit/s"),
    (1_000_000_000_000, "Tbit/s"),
];

/// The units a person may write, in any case of the letters as `tc` reads them, with or without
/// `/s`.
const UNITS: [(&str, u64); 5] = [
    ("bit", 1),
    ("kbit", 1_000),
    ("Mbit", 1_000_000),
    ("Gbit", 1_000_000_000),
    ("Tbit", 1_000_000_000_000),
];

/// Reads `500kbit`, `5 Mbit/s` or `1 Gbit/s` as bytes per second; a fraction of a byte is dropped.
///
/// # Errors
/// When there is no number or no unit, the unit is none of bits per second, or the rate is below
/// one byte per second or beyond `u64`.
pub fn parse_rate(text: &str) -> Result<u64, UnitError> {
    let rate = parse(text, 8)?;
    if rate == 0 {
        return Err(UnitError::with_hint(
            format!("{} is less than one byte per second", quoted(text.trim())),
            "the slowest rate is \"8 bit/s\"",
        ));
    }
    Ok(rate)
}

/// Reads the same as bits per second; a fraction of a bit is dropped, and 0 is a rate.
///
/// # Errors
/// When there is no number or no unit, the unit is none of bits per second, or the rate is beyond
/// `u64`.
pub fn parse_bit_rate(text: &str) -> Result<u64, UnitError> {
    parse(text, 1)
}

/// The rate in parts of `bits` bits per second.
fn parse(text: &str, bits: u64) -> Result<u64, UnitError> {
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(no_number(text, "5 Mbit/s", &mended(text, parse_rate)));
    }
    if unit.is_empty() {
        return Err(UnitError::with_hint(
            format!("{} has no unit", quoted(number)),
            format!("write \"{number} kbit/s\" or \"{number} Mbit/s\""),
        ));
    }
    if holds_separator(unit) {
        return Err(UnitError::with_hint(
            format!("{} is not a rate", quoted(text.trim())),
            choice(&mended(text, parse_rate)).unwrap_or_else(|| {
                "write digits alone, and a fraction with a point, like \"1.5 Mbit/s\"".to_owned()
            }),
        ));
    }
    let bare = unit
        .strip_suffix(['s', 'S'])
        .and_then(|unit| unit.strip_suffix('/'));
    let bare = bare.unwrap_or(unit);
    let (_, factor) = UNITS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(bare))
        .ok_or_else(|| wrong_unit(number, unit))?;
    Decimal::parse(number)?.scaled(factor, bits).ok_or_else(|| {
        UnitError::with_hint(
            format!("{} is more than can be counted", quoted(text)),
            "write what the link can carry at most, like \"1 Gbit/s\"",
        )
    })
}

/// The refusal of a unit, with the right one where it can be told.
fn wrong_unit(number: &str, unit: &str) -> UnitError {
    let refused = format!("{} is not a unit of rate", quoted(unit));
    let bare = unit.strip_suffix("/s").unwrap_or(unit);
    let bytes = match bare {
        "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    if let Some(factor) = bytes {
        let same = Decimal::parse(number)
            .ok()
            .and_then(|number| number.scaled(factor, 1));
        return UnitError::with_hint(
            refused,
            match same {
                Some(rate) if rate > 0 => format!(
                    "rates are in bits per second: {number} {bare}/s is \"{}\"",
                    format_rate(rate)
                ),
                _ => "rates are in bits per second, like \"5 Mbit/s\"".to_owned(),
            },
        );
    }
    let right = match unit.chars().next() {
        Some('k' | 'K') => "kbit/s",
        Some('m' | 'M') => "Mbit/s",
        Some('g' | 'G') => "Gbit/s",
        Some('t' | 'T') => "Tbit/s",
        Some('b') => "bit/s",
        _ => "bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s",
    };
    UnitError::with_hint(refused, format!("write {right}"))
}

/// `5 Mbit/s` for 625000 bytes per second: three digits, powers of 1000.
pub fn format_rate(bytes_per_second: u64) -> String {
    three_digits(u128::from(bytes_per_second) * 8, &SHOWN)
}

/// `4 Mbit/s` for 4000000 bits per second: three digits, powers of 1000.
pub fn format_bit_rate(bits_per_second: u64) -> String {
    three_digits(u128::from(bits_per_second), &SHOWN)
}

/// The shortest text that [`parse_bit_rate`] reads back as exactly this rate: `4 Mbit/s`,
/// `1234567 bit/s`.
pub fn format_bit_rate_exact(bits_per_second: u64) -> String {
    let fits = |(_, factor): &&(&str, u64)| {
        bits_per_second >= *factor && bits_per_second.is_multiple_of(*factor)
    };
    let (name, factor) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
    format!("{} {name}/s", bits_per_second / factor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_in_bits_and_held_in_bytes() {
        for (text, rate) in [
            ("500kbit", 62_500),
            ("5 Mbit/s", 625_000),
            ("5Mbit", 625_000),
            ("5mbit", 625_000),
            ("500Kbit", 62_500),
            ("500KBIT/S", 62_500),
            ("1gbit", 125_000_000),
            ("1 GBit/s", 125_000_000),
            ("64 kbit/s", 8_000),
            ("1 Gbit/s", 125_000_000),
            ("1.5 Mbit/s", 187_500),
            ("8 bit/s", 1),
            ("15 bit", 1),
            ("40 Tbit/s", 5_000_000_000_000),
        ] {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
    }

    #[test]
    fn bit_rates_are_read_to_the_bit() {
        for (text, rate, exact) in [
            ("4 Mbit/s", 4_000_000, "4 Mbit/s"),
            ("2147483647 bit/s", 2_147_483_647, "2147483647 bit/s"),
            ("1 bit", 1, "1 bit/s"),
            ("0.5 bit", 0, "0 bit/s"),
            ("1.5 Mbit/s", 1_500_000, "1500 kbit/s"),
        ] {
            assert_eq!(parse_bit_rate(text), Ok(rate), "{text}");
            assert_eq!(format_bit_rate_exact(rate), exact, "{text}");
        }
        assert_eq!(format_bit_rate(4_000_000), "4 Mbit/s");
        assert!(parse_bit_rate("4 MB/s").is_err());
    }

    #[test]
    fn what_is_refused_says_how_to_write_it() {
        for (text, message) in [
            ("", "the value is empty (write it like \"5 Mbit/s\")"),
            ("5", "`5` has no unit (write \"5 kbit/s\" or \"5 Mbit/s\")"),
            (
                "5 MB/s",
                "`MB/s` is not a unit of rate (rates are in bits per second: 5 MB/s is \"40 Mbit/s\")",
            ),
            (
                "5MB",
                "`MB` is not a unit of rate (rates are in bits per second: 5 MB/s is \"40 Mbit/s\")",
            ),
            ("5 Mbps", "`Mbps` is not a unit of rate (write Mbit/s)"),
            ("5 mbps", "`mbps` is not a unit of rate (write Mbit/s)"),
            ("5 mb", "`mb` is not a unit of rate (write Mbit/s)"),
            ("-1 Mbit/s", "`-1 Mbit/s` is negative (write \"1 Mbit/s\")"),
            (
                "0 Mbit/s",
                "`0 Mbit/s` is less than one byte per second (the slowest rate is \"8 bit/s\")",
            ),
            (
                "7 bit/s",
                "`7 bit/s` is less than one byte per second (the slowest rate is \"8 bit/s\")",
            ),
            (
                "1000000000 Tbit",
                "`1000000000 Tbit` is more than can be counted (write what the link can carry at most, like \"1 Gbit/s\")",
            ),
            (
                "1,5 Mbit/s",
                "`1,5 Mbit/s` is not a rate (write \"1.5 Mbit/s\")",
            ),
        ] {
            assert_eq!(parse_rate(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn rates_are_shown_in_bits() {
        assert_eq!(format_rate(625_000), "5 Mbit/s");
        assert_eq!(format_rate(8_000), "64 kbit/s");
        assert_eq!(format_rate(19_290), "154 kbit/s");
        assert_eq!(format_rate(0), "0 bit/s");
        assert_eq!(format_rate(u64::MAX), "147573953 Tbit/s");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = parse_rate(&text);
        }

        #[test]
        fn any_number_and_unit_is_answered(text in r"[-+0-9.,eE_ ]{0,30} ?[a-zA-Z/]{0,6}") {
            let _ = parse_rate(&text);
        }

        #[test]
        fn shown_rates_are_read_back_within_their_rounding(rate in 1..u64::MAX / 1000) {
            let text = format_rate(rate);
            let back = parse_rate(&text).unwrap();
            prop_assert!(back.abs_diff(rate) <= rate / 199 + 1, "{} -> {}", rate, text);
        }
    }
}

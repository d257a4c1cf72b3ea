//! Amounts of bytes.

use super::decimal::Decimal;
use super::mended::{holds_separator, mended};
use super::scale::three_digits;
use super::{UnitError, choice, no_number, quoted, split_unit};

const SI: [(u128, &str); 7] = [
    (1, "B"),
    (1_000, "kB"),
    (1_000_000, "MB"),
    (1_000_000_000, "GB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000_000_000, "PB"),
    (1_000_000_000_000_000_000, "EB"),
];

const IEC: [(u128, &str); 7] = [
    (1, "B"),
    (1 << 10, "KiB"),
    (1 << 20, "MiB"),
    (1 << 30, "GiB"),
    (1 << 40, "TiB"),
    (1 << 50, "PiB"),
    (1 << 60, "EiB"),
];

/// The units a person may write.
const UNITS: [(&str, u64); 11] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

/// Reads `10GB`, `10 GB` or `1.5 TiB` as bytes; a fraction of a byte is dropped.
///
/// # Errors
/// When there is no number or no unit, the unit is none of bytes, or the amount is beyond `u64`.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(no_number(text, "10 GB", &mended(text, parse_bytes)));
    }
    if unit.is_empty() {
        return Err(UnitError::with_hint(
            format!("{} has no unit", quoted(number)),
            format!("write \"{number} GB\" or \"{number} GiB\""),
        ));
    }
    if holds_separator(unit) {
        return Err(UnitError::with_hint(
            format!("{} is not an amount", quoted(text.trim())),
            choice(&mended(text, parse_bytes)).unwrap_or_else(|| {
                "write digits alone, and a fraction with a point, like \"1.5 GB\"".to_owned()
            }),
        ));
    }
    let (_, factor) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| wrong_unit(number, unit))?;
    Decimal::parse(number)?.scaled(factor, 1).ok_or_else(|| {
        UnitError::with_hint(
            format!("{} is more than can be counted", quoted(text)),
            "the most is 9 EB, \"9000 PB\"",
        )
    })
}

/// The refusal of a unit, with the right one where it can be told.
fn wrong_unit(number: &str, unit: &str) -> UnitError {
    let refused = format!("{} is not a unit of bytes", quoted(unit));
    if unit.contains('/') || unit.ends_with("ps") {
        return UnitError::with_hint(refused, "this is an amount, not a rate: write \"10 GB\"");
    }
    let prefix = unit.chars().next().map_or('?', |c| c.to_ascii_uppercase());
    let named = match prefix {
        'K' => Some(("kilo", "kB", "KiB")),
        'M' => Some(("mega", "MB", "MiB")),
        'G' => Some(("giga", "GB", "GiB")),
        'T' => Some(("tera", "TB", "TiB")),
        'P' => Some(("peta", "PB", "PiB")),
        _ => None,
    };
    let bits = ["b", "bit", "bits"];
    let rest = unit.get(1..).unwrap_or_default();
    let binary = ["i", "ib", "ibit", "ibits"];
    match named {
        // The `i` says powers of 1024, whatever is wrong with the letters around it.
        Some((_, _, iec)) if binary.contains(&rest.to_ascii_lowercase().as_str()) => {
            UnitError::with_hint(refused, format!("write \"{number} {iec}\""))
        }
        Some((name, si, _)) if bits.contains(&rest) && unit != "gb" => {
            UnitError::with_hint(refused, format!("{unit} is {name}bits; write {si}"))
        }
        Some((_, si, iec)) => UnitError::with_hint(refused, format!("write {si} or {iec}")),
        None if bits.contains(&unit) => {
            UnitError::with_hint(refused, format!("{unit} is bits; write B"))
        }
        None => UnitError::with_hint(
            refused,
            "the units are B, kB, MB, GB, TB, PB and KiB, MiB, GiB, TiB, PiB",
        ),
    }
}

/// `12.4 GB`: three digits, powers of 1000.
pub fn format_bytes(bytes: u64) -> String {
    three_digits(u128::from(bytes), &SI)
}

/// `11.5 GiB`: three digits, powers of 1024.
pub fn format_bytes_iec(bytes: u64) -> String {
    three_digits(u128::from(bytes), &IEC)
}

/// Like [`format_bytes`] with a minus sign in front of what is below zero.
pub fn format_signed_bytes(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    format!("{sign}{}", format_bytes(bytes.unsigned_abs()))
}

/// The shortest text that [`parse_bytes`] reads back as exactly this amount: `1.5 TiB`, `50 GB`,
/// `1234567 B`.
pub fn format_bytes_exact(bytes: u64) -> String {
    let mut best = format!("{bytes} B");
    for (name, factor) in UNITS {
        if factor == 1 || bytes < factor {
            continue;
        }
        let (whole, rest) = (bytes / factor, bytes % factor);
        // Thousandths are as fine as anybody writes a plan.
        if u128::from(rest) * 1000 % u128::from(factor) == 0 {
            let thousandths = u128::from(rest) * 1000 / u128::from(factor);
            let text = format!("{whole}.{thousandths:03}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            let text = format!("{text} {name}");
            if text.len() < best.len() {
                best = text;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        parse_bytes(text).unwrap_err().to_string()
    }

    #[test]
    fn amounts_are_read() {
        for (text, bytes) in [
            ("10GB", 10_000_000_000),
            ("10 GB", 10_000_000_000),
            (" 10  GB ", 10_000_000_000),
            ("1.5 TiB", 3 << 39),
            ("0.3 GB", 300_000_000),
            ("1 kB", 1000),
            ("1KiB", 1024),
            ("2 PiB", 2 << 50),
            ("0 B", 0),
            ("1.9 B", 1),
            ("18446744073709551615 B", u64::MAX),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_refused_says_how_to_write_it() {
        for (text, message) in [
            ("", "the value is empty (write it like \"10 GB\")"),
            ("10", "`10` has no unit (write \"10 GB\" or \"10 GiB\")"),
            (
                "10 Gb",
                "`Gb` is not a unit of bytes (Gb is gigabits; write GB)",
            ),
            (
                "10Mbit",
                "`Mbit` is not a unit of bytes (Mbit is megabits; write MB)",
            ),
            ("10 gb", "`gb` is not a unit of bytes (write GB or GiB)"),
            ("10 KB", "`KB` is not a unit of bytes (write kB or KiB)"),
            ("10G", "`G` is not a unit of bytes (write GB or GiB)"),
            (
                "5 bit",
                "`bit` is not a unit of bytes (bit is bits; write B)",
            ),
            (
                "5 MB/s",
                "`MB/s` is not a unit of bytes (this is an amount, not a rate: write \"10 GB\")",
            ),
            ("50gib", "`gib` is not a unit of bytes (write \"50 GiB\")"),
            (
                "100 Gib",
                "`Gib` is not a unit of bytes (write \"100 GiB\")",
            ),
            ("5 KIB", "`KIB` is not a unit of bytes (write \"5 KiB\")"),
            (
                "5 Mibit",
                "`Mibit` is not a unit of bytes (write \"5 MiB\")",
            ),
            ("2 ti", "`ti` is not a unit of bytes (write \"2 TiB\")"),
            ("-5 GB", "`-5 GB` is negative (write \"5 GB\")"),
            (
                "-5 stones",
                "`-5 stones` is negative (write it like \"10 GB\")",
            ),
            (
                "NaN",
                "`NaN` does not begin with a number (write it like \"10 GB\")",
            ),
            ("1,5 GB", "`1,5 GB` is not an amount (write \"1.5 GB\")"),
            (
                "1_000 GB",
                "`1_000 GB` is not an amount (write \"1000 GB\")",
            ),
            (
                "1, GB",
                "`1, GB` is not an amount (write digits alone, and a fraction with a point, like \"1.5 GB\")",
            ),
            ("1.2.3 GB", "`1.2.3` is not a number"),
            (
                "18446744073709551616 B",
                "`18446744073709551616 B` is more than can be counted (the most is 9 EB, \"9000 PB\")",
            ),
            (
                "20000 PB",
                "`20000 PB` is more than can be counted (the most is 9 EB, \"9000 PB\")",
            ),
            (
                "１０ GB",
                "`１０ GB` does not begin with a number (write it like \"10 GB\")",
            ),
        ] {
            assert_eq!(refused(text), message, "{text}");
        }
        assert!(
            refused(&format!("{} GB", "9".repeat(100_000)))
                .contains("has too many digits (at most 22")
        );
        assert!(refused("10 £").contains("the units are"));
    }

    #[test]
    fn amounts_are_shown_with_the_right_unit() {
        assert_eq!(format_bytes(12_400_000_000), "12.4 GB");
        assert_eq!(format_bytes(u64::MAX), "18.4 EB");
        assert_eq!(format_bytes_iec(12_400_000_000), "11.5 GiB");
        assert_eq!(format_signed_bytes(-1_500_000), "-1.5 MB");
        assert_eq!(format_signed_bytes(i64::MIN), "-9.22 EB");
        assert_eq!(format_bytes_exact(3 << 39), "1.5 TiB");
        assert_eq!(format_bytes_exact(50_000_000_000), "50 GB");
        assert_eq!(format_bytes_exact(1_234_567), "1234567 B");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = parse_bytes(&text);
        }

        #[test]
        fn any_number_and_unit_is_answered(text in r"[-+0-9.,eE_ ]{0,30} ?[a-zA-Z/]{0,5}") {
            let _ = parse_bytes(&text);
        }

        #[test]
        fn exact_amounts_are_read_back(bytes: u64) {
            prop_assert_eq!(parse_bytes(&format_bytes_exact(bytes)), Ok(bytes));
        }

        #[test]
        fn shown_amounts_are_read_back_within_their_rounding(
            bytes in 0..5_000_000_000_000_000_u64,
        ) {
            for text in [format_bytes(bytes), format_bytes_iec(bytes)] {
                let back = parse_bytes(&text).unwrap();
                prop_assert!(back.abs_diff(bytes) <= bytes / 199 + 1, "{} -> {}", bytes, text);
            }
        }
    }
}

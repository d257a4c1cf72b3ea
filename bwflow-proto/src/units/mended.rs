//! What was probably meant by a text that cannot be read.

use super::UnitError;

/// Longer than anything that is worth guessing at.
const LONGEST: usize = 60;

/// Whether a number goes on in what stands behind its first digits: `1,5`, `1_000`, `1 000`.
pub(super) fn holds_separator(unit: &str) -> bool {
    unit.starts_with(is_separator) || unit.starts_with(|c: char| c.is_ascii_digit())
}

const fn is_separator(c: char) -> bool {
    matches!(
        c,
        ',' | '.' | '_' | '\'' | '’' | ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'
    )
}

/// Texts that `parse` reads and that mean what `text` seems to: without a minus, without
/// separators of thousands, with a point for the fraction. Two when it could be either.
pub(crate) fn mended<T>(text: &str, parse: impl Fn(&str) -> Result<T, UnitError>) -> Vec<String> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Vec::new();
    }
    let plain = text.trim_start_matches(['-', '−', '+']).trim_start();
    let is_part = |c: char| c.is_ascii_digit() || is_separator(c);
    let end = plain.find(|c: char| !is_part(c)).unwrap_or(plain.len());
    let number = plain[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = plain[number.len()..].trim_start();
    let space = if plain[number.len()..].starts_with(' ') {
        " "
    } else {
        ""
    };
    readings(number)
        .into_iter()
        .map(|number| format!("{number}{space}{unit}"))
        .filter(|candidate| candidate != text && parse(candidate).is_ok())
        .collect()
}

/// A number with separators, written as digits with at most one point.
fn readings(number: &str) -> Vec<String> {
    let number: String = number
        .chars()
        .filter(|c| c.is_ascii_digit() || matches!(c, ',' | '.'))
        .collect();
    let commas = number.matches(',').count();
    let points = number.matches('.').count();
    match (commas, points) {
        (0, 0 | 1) => vec![number],
        // Thousands in many countries, a fraction in as many.
        (1, 0) => match number.split_once(',') {
            Some((whole, part)) if part.len() == 3 && whole != "0" => {
                vec![format!("{whole}{part}"), format!("{whole}.{part}")]
            }
            _ => vec![number.replace(',', ".")],
        },
        (_, 0) => vec![number.replace(',', "")],
        (0, _) => vec![number.replace('.', "")],
        // The last of two kinds of separator is the one before the fraction.
        (_, 1) if number.rfind('.') > number.rfind(',') => vec![number.replace(',', "")],
        (1, _) => vec![number.replace('.', "").replace(',', ".")],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::units::{parse_bytes, parse_duration, parse_rate};

    #[test]
    fn what_was_meant_is_found() {
        for (text, meant) in [
            ("1,5 TB", &["1.5 TB"][..]),
            ("1_000 GB", &["1000 GB"]),
            ("1 000 GB", &["1000 GB"]),
            ("1'000GB", &["1000GB"]),
            ("1,000 GB", &["1000 GB", "1.000 GB"]),
            ("0,125 GB", &["0.125 GB"]),
            ("1,000,000 MB", &["1000000 MB"]),
            ("1.000,5 GB", &["1000.5 GB"]),
            ("1,000.5 GB", &["1000.5 GB"]),
            ("- 5 GB", &["5 GB"]),
            ("−5GB", &["5GB"]),
            ("-5 miles", &[]),
            ("10 GB", &[]),
            ("", &[]),
            ("-", &[]),
        ] {
            assert_eq!(mended(text, parse_bytes), meant, "{text}");
        }
        assert_eq!(mended("2,5 Mbit/s", parse_rate), ["2.5 Mbit/s"]);
        assert_eq!(mended("-5m", parse_duration), ["5m"]);
    }

    proptest! {
        #[test]
        fn what_is_proposed_can_be_read(text in r"[-+0-9.,_ ’é]{0,12} ?(GB|kB|TiB|x)?") {
            for meant in mended(&text, parse_bytes) {
                parse_bytes(&meant).unwrap();
            }
        }
    }
}

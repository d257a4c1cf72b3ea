//! A decimal number, kept exactly.

use super::{UnitError, quoted};

/// More digits than this mean nothing for a byte count, and fewer keep every product with a unit
/// inside `u128`.
const MOST_DIGITS: usize = 22;

/// A number that is not negative, as written: `mantissa / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: u128,
    scale: i64,
}

impl Decimal {
    /// Reads `12`, `0.3` or `1.5e3`.
    ///
    /// # Errors
    /// When the text is anything else, or has more than 22 significant digits.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let not_a_number = || UnitError::new(format!("{} is not a number", quoted(text)));
        let (plain, exponent) = match text.split_once(['e', 'E']) {
            Some((plain, exponent)) => (plain, exponent.parse().map_err(|_| not_a_number())?),
            None => (text, 0_i32),
        };
        let (whole, fraction) = match plain.split_once('.') {
            Some((whole, fraction)) if !whole.is_empty() && !fraction.is_empty() => {
                (whole, fraction)
            }
            Some(_) => {
                return Err(UnitError::with_hint(
                    format!("{} is not a number", quoted(text)),
                    "a point needs digits on both sides, like 0.5",
                ));
            }
            None => (plain, ""),
        };
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return Err(not_a_number());
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.len() > MOST_DIGITS {
            return Err(UnitError::with_hint(
                format!("{} has too many digits", quoted(text)),
                format!(
                    "at most {MOST_DIGITS} digits, and at most 9 EB, \"9000 PB\", can be counted"
                ),
            ));
        }
        let scale = i64::try_from(fraction.len()).map_err(|_| not_a_number())?;
        Ok(Self {
            mantissa: digits
                .bytes()
                .fold(0, |sum, b| sum * 10 + u128::from(b - b'0')),
            scale: scale - i64::from(exponent),
        })
    }

    /// `self * numerator / denominator`, rounded down; `None` when that is beyond `u64`.
    pub fn scaled(self, numerator: u64, denominator: u64) -> Option<u64> {
        if self.mantissa == 0 {
            return Some(0);
        }
        let product = self.mantissa.checked_mul(u128::from(numerator))?;
        let power = u32::try_from(self.scale.unsigned_abs())
            .ok()
            .and_then(|scale| 10_u128.checked_pow(scale));
        let value = match power {
            Some(power) if self.scale >= 0 => product / power,
            Some(power) => product.checked_mul(power)?,
            None if self.scale >= 0 => 0,
            None => return None,
        };
        u64::try_from(value.checked_div(u128::from(denominator))?).ok()
    }

    /// Whether the number is zero.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn scaled(text: &str, by: u64) -> Option<u64> {
        Decimal::parse(text).unwrap().scaled(by, 1)
    }

    #[test]
    fn tenths_are_exact() {
        assert_eq!(scaled("0.3", 1_000_000_000), Some(300_000_000));
        assert_eq!(scaled("0.1", 10), Some(1));
        assert_eq!(scaled("1e2", 1), Some(100));
        assert_eq!(scaled("1.5e-1", 1000), Some(150));
        assert_eq!(scaled("000.300", 1000), Some(300));
    }

    #[test]
    fn fractions_are_rounded_down_and_never_overflow() {
        assert_eq!(scaled("0.9999", 1000), Some(999));
        assert_eq!(scaled("18446744073709551615", 1), Some(u64::MAX));
        assert_eq!(scaled("18446744073709551616", 1), None);
        assert_eq!(scaled("1e2000000000", 1), None);
        assert_eq!(scaled("1e-2000000000", 1), Some(0));
        assert_eq!(scaled("0e2000000000", 1), Some(0));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", ".", ".5", "5.", "1.2.3", "-1", "+1", "inf", "nan", "1e", "1_0", "１",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
        assert!(Decimal::parse(&"9".repeat(1_000_000)).is_err());
        assert!(Decimal::parse(&format!("0.{}1", "0".repeat(1_000_000))).is_ok());
    }
}

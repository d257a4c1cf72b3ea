//! Money, in whole millionths of a currency's unit.

use std::fmt;

use crate::units::{Decimal, UnitError};

/// An amount of money in millionths of a currency's unit (dollar, euro); the currency goes beside
/// it. Millionths, because clouds charge fractions of a cent. Negative is a credit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Millionths.
    pub micros: i64,
}

impl Money {
    /// Millionths of a unit.
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// Reads a decimal number as JSON and TOML write it: `45.23`, `-0.5`, `1.5e2`. What is less than
    /// a millionth is cut off.
    ///
    /// # Errors
    /// When the text is no number, or one of more than 9.2 trillion.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let micros = Decimal::parse(digits)?.scaled(1_000_000, 1);
        let micros = micros.and_then(|micros| i64::try_from(micros).ok());
        let too_much =
            || UnitError::new(format!("{} is too much money", crate::units::quoted(text)));
        let micros = micros.ok_or_else(too_much)?;
        Ok(Self::from_micros(sign * micros))
    }

    /// The part of `whole` that this is, in hundredths of a percent; saturates. Rounded away from
    /// zero: what is above an edge by however little is not shown and taken as if it were on it.
    /// Nothing if `whole` is not more than zero.
    pub fn basis_points_of(self, whole: Self) -> Option<i64> {
        if whole.micros <= 0 {
            return None;
        }
        let (exact, whole) = (i128::from(self.micros) * 10_000, i128::from(whole.micros));
        let points = exact / whole + exact.signum() * i128::from(exact % whole != 0);
        Some(i64::try_from(points).unwrap_or(if points < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The sum; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::from_micros(self.micros.saturating_add(other.micros))
    }
}

/// To the hundredth, rounded half away from zero: `45.23`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.micros.unsigned_abs() + 5_000) / 10_000;
        let sign = if self.micros < 0 && hundredths > 0 {
            "-"
        } else {
            ""
        };
        write!(f, "{sign}{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn decimals_are_read_exactly_and_shown_in_hundredths() {
        for (text, micros, shown) in [
            ("45.23", 45_230_000, "45.23"),
            ("0.1", 100_000, "0.10"),
            ("-0.005", -5_000, "-0.01"),
            ("-0.0049", -4_900, "0.00"),
            ("1.5e2", 150_000_000, "150.00"),
            ("0.0000019", 1, "0.00"),
            ("99.995", 99_995_000, "100.00"),
        ] {
            let money = Money::parse(text).unwrap();
            assert_eq!(
                (money.micros, money.to_string().as_str()),
                (micros, shown),
                "{text}"
            );
        }
        for text in ["", "ten", "1,5", "--1", "1e30", "NaN", "inf", "null"] {
            assert!(Money::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_are_hundredths_of_a_percent_rounded_away_from_zero() {
        let of = |part: i64, whole: i64| {
            Money::from_micros(part).basis_points_of(Money::from_micros(whole))
        };
        assert_eq!(of(89_990_001, 100_000_000), Some(9_000));
        assert_eq!(of(90_000_000, 100_000_000), Some(9_000));
        assert_eq!(of(90_000_001, 100_000_000), Some(9_001));
        assert_eq!(of(135_010_000, 150_000_000), Some(9_001));
        assert_eq!(of(0, 100), Some(0));
        assert_eq!(of(-1, 100), Some(-100));
        assert_eq!(of(-1, 100_000_000), Some(-1));
        assert_eq!(of(i64::MIN, 1), Some(i64::MIN));
        assert_eq!(of(i64::MAX, 1), Some(i64::MAX));
        assert_eq!((of(1, 0), of(1, -5)), (None, None));
    }
}

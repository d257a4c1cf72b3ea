//! Money for people and for programs.

use bwflow_proto::money::Money;

/// `45.23 USD`; what is finer than a hundredth is shown where it matters: `0.087 USD`.
pub(crate) fn shown(money: Money, currency: &str) -> String {
    let fine = money.micros.unsigned_abs() < 10_000_000 && money.micros % 10_000 != 0;
    let text = if fine {
        let sign = if money.micros < 0 { "-" } else { "" };
        let micros = money.micros.unsigned_abs();
        let text = format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        text.trim_end_matches('0').to_owned()
    } else {
        money.to_string()
    };
    format!("{text} {currency}").trim_end().to_owned()
}

/// As a JSON number of units. Doubles hold millionths exactly enough up to billions.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn number(money: Money) -> f64 {
    money.micros as f64 / 1e6
}

/// `31.4 %`: hundredths of a percent, as short as they are exact.
pub(crate) fn percent(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let value = hundredths.unsigned_abs();
    let text = format!("{sign}{}.{:02}", value / 100, value % 100);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_as_finely_as_it_matters() {
        for (micros, text, value) in [
            (45_230_000, "45.23 USD", 45.23),
            (87_000, "0.087 USD", 0.087),
            (150_000_000, "150.00 USD", 150.0),
            (45_234_567, "45.23 USD", 45.234_567),
            (-500_000, "-0.50 USD", -0.5),
            (1, "0.000001 USD", 0.000_001),
        ] {
            let money = Money::from_micros(micros);
            assert_eq!(shown(money, "USD"), text);
            assert!((number(money) - value).abs() < 1e-12);
        }
        assert_eq!(percent(3_140), "31.4 %");
        assert_eq!(percent(9_000), "90 %");
        assert_eq!(percent(-5), "-0.05 %");
    }
}

//! Figures of three digits with a prefix, as a person reads them.

/// Renders `value` with the largest of `units` (ascending, `(factor, name)`) that leaves at least
/// 1, rounded to three significant digits, without trailing zeros: `12.4 GB`, `5 Mbit/s`.
pub(super) fn three_digits(value: u128, units: &[(u128, &str)]) -> String {
    let mut shown = String::new();
    for (i, &(factor, name)) in units.iter().enumerate() {
        let next = units.get(i + 1);
        if next.is_some_and(|&(next, _)| value >= next) {
            continue;
        }
        // 999.9 MB rounds to 1000 MB, which reads as 1 GB.
        let (whole, hundredths) = rounded(value, factor);
        if let Some(&(next, next_name)) = next
            && whole * factor >= next
        {
            let (whole, hundredths) = rounded(next, next);
            shown = joined(whole, hundredths, next_name);
        } else {
            shown = joined(whole, hundredths, name);
        }
        break;
    }
    shown
}

/// `value / factor` as whole and hundredths, rounded half up to three significant digits.
fn rounded(value: u128, factor: u128) -> (u128, u128) {
    let step = match value / factor {
        0..=9 => 1,
        10..=99 => 10,
        _ => 100,
    };
    // In steps of 1, 10 or 100 hundredths; rounding up may add a digit, which does no harm.
    let parts = 100 / step;
    let count = (value % factor * parts * 2 + factor) / (2 * factor);
    let hundredths = value / factor * 100 + count * step;
    (hundredths / 100, hundredths % 100)
}

fn joined(whole: u128, hundredths: u128, name: &str) -> String {
    match hundredths {
        0 => format!("{whole} {name}"),
        h if h % 10 == 0 => format!("{whole}.{} {name}", h / 10),
        h => format!("{whole}.{h:02} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::three_digits;

    #[test]
    fn three_digits_are_rounded_half_up_and_carried() {
        let units = [(1, "B"), (1000, "kB"), (1_000_000, "MB")];
        let shown = |value| three_digits(value, &units);
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(1000), "1 kB");
        assert_eq!(shown(1005), "1.01 kB");
        assert_eq!(shown(12_349), "12.3 kB");
        assert_eq!(shown(12_350), "12.4 kB");
        assert_eq!(shown(99_999), "100 kB");
        assert_eq!(shown(999_499), "999 kB");
        assert_eq!(shown(999_500), "1 MB");
        assert_eq!(shown(1_234_000_000), "1234 MB");
    }
}

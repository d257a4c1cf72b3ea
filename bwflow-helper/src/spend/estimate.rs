//! What is spent by now: what the cloud has reported, and what the link has sent since.

use bwflow_proto::money::Money;

/// What `bytes` cost at a price for 10^9 bytes, rounded up; saturates.
pub fn price(bytes: u64, per_gb: Money) -> Money {
    let micros = i128::from(bytes) * i128::from(per_gb.micros.max(0));
    let micros = micros.div_euclid(1_000_000_000) + i128::from(micros % 1_000_000_000 > 0);
    Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// From when on the link's bytes are not yet in a report that came at `reported_usec`: the cloud is
/// `delay_usec` behind, but what is before the period is never part of it.
pub fn since(reported_usec: i64, delay_usec: i64, period_start_usec: i64) -> i64 {
    reported_usec
        .saturating_sub(delay_usec)
        .max(period_start_usec)
}

/// What is spent by now. Without a price it is what was reported.
pub fn estimate(reported: Money, unreported_bytes: u64, per_gb: Option<Money>) -> Money {
    per_gb.map_or(reported, |per_gb| {
        reported.plus(price(unreported_bytes, per_gb))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_of_a_day_costs_what_the_price_list_says() {
        // 4 Mbit/s are 43.2 GB a day; at 0.087 that is 3.7584.
        let day = price(43_200_000_000, Money::from_micros(87_000));
        assert_eq!(day.micros, 3_758_400);
        assert_eq!(price(1, Money::from_micros(87_000)).micros, 1);
        assert_eq!(price(0, Money::from_micros(87_000)).micros, 0);
        assert_eq!(
            price(u64::MAX, Money::from_micros(i64::MAX)).micros,
            i64::MAX
        );
    }

    #[test]
    fn no_bytes_of_the_period_before_are_added() {
        assert_eq!(since(1_000, 100, 500), 900);
        assert_eq!(since(1_000, 900, 500), 500);
        assert_eq!(since(i64::MIN, 1, 500), 500);
    }

    proptest! {
        #[test]
        fn an_estimate_is_never_under_the_report(
            reported in -1_000_000i64..i64::MAX,
            bytes: u64,
            more: u64,
            per_gb in prop::option::of(0i64..1_000_000_000),
        ) {
            let (reported, per_gb) = (Money::from_micros(reported), per_gb.map(Money::from_micros));
            let now = estimate(reported, bytes, per_gb);
            prop_assert!(now >= reported);
            prop_assert!(estimate(reported, bytes.saturating_add(more), per_gb) >= now);
        }
    }
}

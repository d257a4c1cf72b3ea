//! Where the period will end at today's pace.

use crate::ledger::Balance;

/// How much was charged in the time before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes charged.
    pub bytes: u64,
    /// In how many microseconds.
    pub window_usec: u64,
}

/// What is to be expected of the rest of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Used bytes at the period's end.
    pub used_bytes: u64,
    /// When nothing is left, microseconds since the Unix epoch, or never in this period.
    pub exhausted_usec: Option<i64>,
}

/// Extends the pace to the period's end, as far as the budget lets it: once it is used up, the
/// link moves at most `held` bytes a second, or what accrues if that is more.
pub fn forecast(balance: &Balance, pace: Pace, held: u64, now_usec: i64) -> Forecast {
    let used = balance.used();
    let rest = balance.period.rest_usec(now_usec);
    let exhausted_usec = exhaustion(balance, pace, now_usec);
    let window = u128::from(pace.window_usec.max(1));
    let expected = u128::from(used) + u128::from(pace.bytes) * u128::from(rest) / window;
    // What the link may have moved by the end: all that accrues, or more if it is held above it.
    let mut allowed = u128::from(balance.accrued(balance.period.end_usec));
    if let Some(exhausted) = exhausted_usec {
        let held_for = u128::from(balance.period.rest_usec(exhausted));
        let beyond = u128::from(held) * held_for / 1_000_000;
        allowed = allowed.max(u128::from(balance.accrued(exhausted).max(used)) + beyond);
    }
    let bounded = expected.min(allowed.max(u128::from(used)));
    Forecast {
        used_bytes: u64::try_from(bounded).unwrap_or(u64::MAX),
        exhausted_usec,
    }
}

/// When `accrued - used` meets zero while used grows at the pace and accrued at the drip.
fn exhaustion(balance: &Balance, pace: Pace, now_usec: i64) -> Option<i64> {
    let Ok(available) = u128::try_from(balance.available(now_usec)) else {
        return Some(now_usec);
    };
    if available == 0 {
        return Some(now_usec);
    }
    // Milliseconds keep every product below within 128 bits.
    let window = u128::from(pace.window_usec / 1000).max(1);
    let length = u128::from(balance.period.length_usec() / 1000).max(1);
    let dripping = u128::from(balance.budget.saturating_sub(balance.burst));
    let spent = u128::from(pace.bytes) * length;
    let accrues = dripping * window;
    let net = spent.checked_sub(accrues).filter(|net| *net > 0)?;
    let left_ms = available.checked_mul(window)?.checked_mul(length)? / net;
    let left = i64::try_from(left_ms.checked_mul(1000)?).ok()?;
    let at = now_usec.checked_add(left)?;
    balance.period.contains(at).then_some(at)
}

#[cfg(test)]
mod tests {
    use bwflow_proto::count::Count;
    use proptest::prelude::*;

    use super::*;
    use crate::counter::Counters;
    use crate::ledger::Totals;
    use crate::period::Period;

    const DAY: i64 = 86_400_000_000;

    /// Thirty days of 300 GB with 30 GB at once: 9 GB a day drip in.
    fn month(used: u64) -> Balance {
        Balance {
            period: Period {
                start_usec: 0,
                end_usec: 30 * DAY,
            },
            budget: 300_000_000_000,
            burst: 30_000_000_000,
            count: Count::Tx,
            totals: Totals {
                traffic: Counters { tx: used, rx: 0 },
                ..Totals::default()
            },
        }
    }

    const fn a_day(bytes: u64) -> Pace {
        Pace {
            bytes,
            window_usec: 86_400_000_000,
        }
    }

    const GB: u64 = 1_000_000_000;

    #[test]
    fn a_modest_pace_is_extended_to_the_end() {
        let found = forecast(&month(50 * GB), a_day(5 * GB), 0, 10 * DAY);
        assert_eq!(found.used_bytes, 150 * GB);
        assert_eq!(found.exhausted_usec, None);
    }

    #[test]
    fn a_high_pace_meets_the_accrual_and_ends_with_the_budget() {
        // 120 GB accrued, 60 left; 29 GB a day against 9 GB a day: three days.
        let found = forecast(&month(60 * GB), a_day(29 * GB), 0, 10 * DAY);
        assert_eq!(found.exhausted_usec, Some(13 * DAY));
        assert_eq!(found.used_bytes, 300 * GB);
    }

    #[test]
    fn a_pace_above_the_drip_may_still_not_run_out_in_this_period() {
        let found = forecast(&month(60 * GB), a_day(10 * GB), 0, 10 * DAY);
        assert_eq!(found.exhausted_usec, None);
        assert_eq!(found.used_bytes, 260 * GB);
    }

    #[test]
    fn a_debt_is_exhaustion_now() {
        let found = forecast(&month(200 * GB), a_day(0), 0, 10 * DAY);
        assert_eq!(found.exhausted_usec, Some(10 * DAY));
        assert_eq!(found.used_bytes, 200 * GB);
    }

    #[test]
    fn a_rate_above_the_drip_costs_more_than_the_budget() {
        let rate = 20 * GB / 86_400;
        let found = forecast(&month(60 * GB), a_day(29 * GB), rate, 10 * DAY);
        let expected = 147 * GB + rate * 17 * 86_400;
        assert!(found.used_bytes.abs_diff(expected) < 1000, "{found:?}");
        assert!(found.used_bytes > 300 * GB);
    }

    proptest! {
        #[test]
        fn a_forecast_is_never_below_used_nor_above_what_accrues(
            used: u64, bytes: u64, window in 0u64..100_000_000_000, now in -DAY..40 * DAY,
        ) {
            let balance = month(used);
            let pace = Pace { bytes, window_usec: window };
            let found = forecast(&balance, pace, 0, now);
            prop_assert!(found.used_bytes >= used);
            prop_assert!(found.used_bytes <= used.max(300 * GB));
            if let Some(at) = found.exhausted_usec {
                prop_assert!(at >= now && (balance.available(now) <= 0 || at < 30 * DAY));
            }
        }
    }
}

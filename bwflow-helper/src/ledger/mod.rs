//! What a link may use and has used in a period. Integers only; instants are microseconds since
//! the Unix epoch, amounts are bytes.

use bwflow_proto::count::Count;

use crate::counter::Counters;
use crate::period::Period;

pub mod imports;
pub mod lock;
mod schema;
pub mod slot;
pub mod store;
mod sum;
pub mod vnstat;

/// What has been booked in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes counted on the link.
    pub traffic: Counters,
    /// What of that is not charged, because it went to or came from excluded networks.
    pub excluded: Counters,
    /// Bytes added to the budget by hand.
    pub topup: u64,
    /// What was added to the used bytes to agree with a bill; may be negative.
    pub correction: i64,
}

impl Totals {
    /// What is charged of the traffic, by direction.
    pub const fn charged(&self) -> Counters {
        self.traffic.less(self.excluded)
    }
}

/// A plan and what has been booked against it, for one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The period.
    pub period: Period,
    /// Bytes the plan pays for.
    pub budget: u64,
    /// Bytes credited at the start; at most `budget`.
    pub burst: u64,
    /// What is charged.
    pub count: Count,
    /// What has been booked.
    pub totals: Totals,
}

impl Balance {
    /// What accrues over the period beyond the burst.
    const fn dripping(&self) -> u64 {
        self.budget.saturating_sub(self.burst)
    }

    /// Bytes credited up to an instant: burst, what has dripped in, top-ups. Never falls with
    /// time; at the period's end it is budget and top-ups to the byte.
    pub fn accrued(&self, usec: i64) -> u64 {
        let dripped = u128::from(self.dripping()) * u128::from(self.period.elapsed_usec(usec))
            / u128::from(self.period.length_usec());
        // At most `dripping`, which is a u64.
        let dripped = u64::try_from(dripped).unwrap_or(u64::MAX);
        self.burst
            .min(self.budget)
            .saturating_add(dripped)
            .saturating_add(self.totals.topup)
    }

    /// Bytes charged, corrections included; never negative.
    pub const fn used(&self) -> u64 {
        let Counters { tx, rx } = self.totals.charged();
        self.count
            .charge(tx, rx)
            .saturating_add_signed(self.totals.correction)
    }

    /// What to add to the corrections so that `wanted` bytes have been used.
    pub fn correction_to(&self, wanted: u64) -> i64 {
        let Counters { tx, rx } = self.totals.charged();
        // Not from `used`, which is never negative though earlier corrections may outweigh all.
        let charged = self.count.charge(tx, rx);
        let now = i128::from(charged) + i128::from(self.totals.correction);
        let difference = i128::from(wanted) - now;
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }

    /// Bytes that may still flow; negative is debt.
    pub fn available(&self, usec: i64) -> i64 {
        difference(self.accrued(usec), self.used())
    }

    /// Bytes that may still be sent and received: they differ only where the larger direction is
    /// what is billed.
    pub fn available_by_direction(&self, usec: i64) -> (i64, i64) {
        if self.count != Count::Max {
            let available = self.available(usec);
            return (available, available);
        }
        let accrued = self.accrued(usec);
        let left =
            |bytes: u64| difference(accrued, bytes.saturating_add_signed(self.totals.correction));
        let Counters { tx, rx } = self.totals.charged();
        (left(tx), left(rx))
    }

    /// What accrues, bytes per second, rounded down.
    pub fn drip(&self) -> u64 {
        let per_second =
            u128::from(self.dripping()) * 1_000_000 / u128::from(self.period.length_usec());
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }

    /// Bytes used beyond what has accrued.
    pub fn debt(&self, usec: i64) -> u64 {
        self.used().saturating_sub(self.accrued(usec))
    }
}

/// `a - b`, held at the ends of what an `i64` can say.
fn difference(a: u64, b: u64) -> i64 {
    let difference = i128::from(a) - i128::from(b);
    i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn month(budget: u64, burst: u64, used: u64) -> Balance {
        Balance {
            period: Period {
                start_usec: 100 * DAY,
                end_usec: 130 * DAY,
            },
            budget,
            burst,
            count: Count::Tx,
            totals: Totals {
                traffic: Counters { tx: used, rx: 0 },
                ..Totals::default()
            },
        }
    }

    #[test]
    fn the_budget_accrues_from_burst_to_whole() {
        let balance = month(100, 40, 0);
        assert_eq!(balance.accrued(100 * DAY), 40);
        assert_eq!(balance.accrued(115 * DAY), 70);
        assert_eq!(balance.accrued(130 * DAY), 100);
        assert_eq!(balance.accrued(0), 40);
        assert_eq!(balance.accrued(200 * DAY), 100);
    }

    #[test]
    fn a_bill_is_met_without_what_is_excluded() {
        let mut balance = month(1000, 1000, 700);
        balance.totals.excluded = Counters { tx: 300, rx: 5 };
        assert_eq!(balance.used(), 400);
        assert_eq!(balance.correction_to(450), 50);
        balance.totals.correction = 50;
        assert_eq!((balance.used(), balance.available(0)), (450, 550));
    }

    #[test]
    fn topups_are_credited_and_corrections_charged() {
        let mut balance = month(100, 40, 50);
        balance.totals.topup = 30;
        balance.totals.correction = 5;
        assert_eq!(balance.used(), 55);
        assert_eq!(balance.available(100 * DAY), 40 + 30 - 55);
        balance.totals.correction = -60;
        assert_eq!(balance.used(), 0, "a correction never makes used negative");
        assert_eq!(balance.available(100 * DAY), 70);
    }

    #[test]
    fn a_correction_makes_used_what_the_bill_says() {
        for (charged, corrected, wanted) in [
            (50, 0, 70),
            (50, 0, 20),
            (50, 5, 0),
            (50, -60, 20),
            (0, 0, 1 << 59),
            (1 << 59, -7, 3),
        ] {
            let mut balance = month(100, 40, charged);
            balance.totals.correction = corrected;
            balance.totals.correction += balance.correction_to(wanted);
            assert_eq!(balance.used(), wanted, "{charged} {corrected}");
            balance.totals.traffic.tx += 9;
            assert_eq!(balance.used(), wanted + 9, "what flows is added");
        }
        assert_eq!(month(1, 1, 0).correction_to(u64::MAX), i64::MAX);
    }

    #[test]
    fn the_larger_direction_leaves_each_its_own_rest() {
        let mut balance = month(100, 40, 0);
        balance.totals.traffic = Counters { tx: 10, rx: 60 };
        balance.count = Count::Max;
        assert_eq!(balance.available(100 * DAY), -20);
        assert_eq!(balance.available_by_direction(100 * DAY), (30, -20));
        balance.count = Count::Sum;
        assert_eq!(balance.available_by_direction(100 * DAY), (-30, -30));
    }

    #[test]
    fn the_drip_is_rounded_down_to_whole_bytes_a_second() {
        assert_eq!(month(30 * 86_400 * 7 + 30, 30, 0).drip(), 7);
        assert_eq!(month(30 * 86_400 * 7 + 29, 30, 0).drip(), 6);
        assert_eq!(month(50, 50, 0).drip(), 0);
    }

    #[test]
    fn the_largest_figures_do_not_overflow() {
        let mut balance = month(u64::MAX, 0, u64::MAX);
        balance.totals.topup = u64::MAX;
        balance.totals.correction = i64::MAX;
        assert_eq!(balance.accrued(130 * DAY), u64::MAX);
        assert_eq!(balance.available(100 * DAY), 0);
        balance.totals.topup = 0;
        assert_eq!(balance.available(100 * DAY), i64::MIN);
    }

    proptest! {
        #[test]
        fn accrual_never_falls_and_stays_between_burst_and_budget(
            budget: u64, part in 0u64..=1000, t1 in 90 * DAY..140 * DAY, t2 in 90 * DAY..140 * DAY,
        ) {
            let burst = u64::try_from(u128::from(budget) * u128::from(part) / 1000).unwrap_or(0);
            let balance = month(budget, burst, 0);
            let (early, late) = (t1.min(t2), t1.max(t2));
            prop_assert!(balance.accrued(early) <= balance.accrued(late));
            prop_assert!(balance.accrued(early) >= burst);
            prop_assert!(balance.accrued(late) <= budget);
            prop_assert_eq!(balance.accrued(130 * DAY), budget);
        }

        #[test]
        fn the_drip_never_promises_more_than_accrues(
            budget in 0u64..1 << 60, t in 100 * DAY..130 * DAY, seconds in 0i64..1_000_000,
        ) {
            let balance = month(budget, budget / 3, 0);
            let later = (t + seconds * 1_000_000).min(130 * DAY);
            let whole = u64::try_from((later - t) / 1_000_000).unwrap_or(0);
            // One byte: both ends of the stretch are rounded down.
            prop_assert!(balance.drip() * whole <= balance.accrued(later) - balance.accrued(t) + 1);
        }

        #[test]
        fn used_is_never_negative_and_available_is_what_is_left(
            tx in 0u64..1 << 50, rx in 0u64..1 << 50, correction in -(1i64 << 50)..1 << 50,
            count in prop::sample::select(Count::ALL.to_vec()), t in 100 * DAY..130 * DAY,
        ) {
            let mut balance = month(1 << 49, 1 << 40, 0);
            balance.count = count;
            balance.totals = Totals { traffic: Counters { tx, rx }, correction, ..Totals::default() };
            let charged = i64::try_from(count.charge(tx, rx)).unwrap_or(0);
            prop_assert_eq!(i64::try_from(balance.used()).ok(), Some((charged + correction).max(0)));
            let left = i128::from(balance.accrued(t)) - i128::from(balance.used());
            prop_assert_eq!(i128::from(balance.available(t)), left);
            prop_assert_eq!(i128::from(balance.debt(t)), (-left).max(0));
        }
    }
}

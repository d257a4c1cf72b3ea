//! The past of a link in hours, days or billing periods: pure decisions.
//!
//! It is told by the loop that owns the ledger, over the one connection to it, because only there the
//! bytes are known that are not committed yet. So that nobody can hold up the accounting by asking,
//! one call reads at most [`MAX_SLOTS`] rows, [`Allowance`] bounds how many calls there are, and the
//! loop is never asked a second thing before it has answered the first.

use std::time::Duration;

use bwflow_proto::history::{MAX_ROWS, Resolution};

use crate::counter::Counters;
use crate::ledger::slot::{Slot, hour};
use crate::period::{Calendar, Period};

/// Rows of the ledger that one call reads at most: those of two billing periods, and a few
/// milliseconds. No stretch of any resolution has as many.
pub const MAX_SLOTS: usize = 2000;

/// The stretch of a resolution that an instant falls in.
pub fn bucket(resolution: Resolution, calendar: &Calendar, usec: i64) -> Period {
    match resolution {
        Resolution::Hours => hour(usec),
        Resolution::Days => calendar.day(usec),
        Resolution::Months => calendar.containing(usec),
    }
}

/// What was moved in the stretches of a resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// In order; those without traffic are missing.
    pub buckets: Vec<(Period, Counters)>,
    /// From where to go on, if this is not all.
    pub next_usec: Option<i64>,
}

/// Gathers slots, which are in order, into stretches. `is_cut` says that there are more slots than
/// these.
pub fn gather(slots: &[Slot], resolution: Resolution, calendar: &Calendar, is_cut: bool) -> Past {
    let mut past = Past::default();
    for slot in slots {
        match past.buckets.last_mut() {
            Some((period, sum)) if period.contains(slot.start_usec) => {
                *sum = sum.plus(slot.bytes);
            }
            _ => {
                let period = bucket(resolution, calendar, slot.start_usec);
                past.buckets.push((period, slot.bytes));
            }
        }
    }
    if is_cut {
        // The last one may not be complete.
        past.next_usec = past.buckets.pop().map(|(period, _)| period.start_usec);
    }
    if let Some((period, _)) = past.buckets.get(MAX_ROWS) {
        past.next_usec = Some(period.start_usec);
        past.buckets.truncate(MAX_ROWS);
    }
    past.buckets.retain(|(_, bytes)| !bytes.is_zero());
    past
}

/// Adds slots that are not committed yet to those that are; both come out in order.
pub fn merge(slots: &mut Vec<Slot>, pending: impl Iterator<Item = Slot>) {
    for slot in pending {
        match slots.binary_search_by_key(&slot.start_usec, |slot| slot.start_usec) {
            Ok(at) => slots[at].bytes = slots[at].bytes.plus(slot.bytes),
            Err(at) => slots.insert(at, slot),
        }
    }
}

/// How many questions may be asked: some at once, and then so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    left: u32,
    since: Duration,
}

impl Allowance {
    /// So many at once: `bwflowctl history` of a dozen links.
    const MOST: u32 = 40;
    /// After this time there is one more.
    const EVERY: Duration = Duration::from_millis(50);

    /// A full one at `now`, by a clock that never steps.
    pub const fn new(now: Duration) -> Self {
        Self {
            left: Self::MOST,
            since: now,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Duration) -> bool {
        let new = now.saturating_sub(self.since).as_micros() / Self::EVERY.as_micros();
        let new = u32::try_from(new).unwrap_or(u32::MAX);
        if new >= Self::MOST - self.left {
            self.left = Self::MOST;
            self.since = now;
        } else {
            self.left += new;
            self.since += Self::EVERY * new;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::slot::{HOUR_USEC, spread};

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn sent(tx: u64) -> Counters {
        Counters { tx, rx: 0 }
    }

    fn kathmandu() -> Calendar {
        Calendar::new(1, TimeZone::get("Asia/Kathmandu").unwrap())
    }

    #[test]
    fn days_and_periods_begin_at_local_midnight_and_hours_with_utc() {
        let edge = at("2026-02-28T18:15:00Z");
        // A byte a second for an hour, 900 s of which are in February.
        let begin = edge - 900_000_000;
        let slots = spread(begin, begin + HOUR_USEC, sent(3600), &kathmandu());
        let sums = |resolution| {
            let past = gather(&slots, resolution, &kathmandu(), false);
            let sums = past.buckets.iter();
            sums.map(|(period, bytes)| (period.start_usec, bytes.tx))
                .collect::<Vec<_>>()
        };
        assert_eq!(sums(Resolution::Hours), [(edge - HOUR_USEC / 4, 3600)]);
        assert_eq!(
            sums(Resolution::Days),
            [(edge - 24 * HOUR_USEC, 900), (edge, 2700)]
        );
        assert_eq!(
            sums(Resolution::Months),
            [(at("2026-01-31T18:15:00Z"), 900), (edge, 2700)]
        );
    }

    #[test]
    fn bytes_that_are_not_committed_count_in_their_places() {
        let slot = |hour: i64, tx| Slot {
            start_usec: hour * HOUR_USEC,
            bytes: sent(tx),
        };
        let mut slots = vec![slot(1, 10), slot(3, 30)];
        merge(&mut slots, [slot(3, 5), slot(4, 4), slot(2, 2)].into_iter());
        assert_eq!(slots, [slot(1, 10), slot(2, 2), slot(3, 35), slot(4, 4)]);
    }

    #[test]
    fn what_is_cut_goes_on_where_it_was_cut() {
        let utc = Calendar::new(1, TimeZone::UTC);
        let slots: Vec<Slot> = (0..3 * 24)
            .map(|n| Slot {
                start_usec: n * HOUR_USEC,
                bytes: sent(1),
            })
            .collect();
        let whole = gather(&slots, Resolution::Days, &utc, false);
        assert_eq!((whole.buckets.len(), whole.next_usec), (3, None));
        let cut = gather(&slots[..60], Resolution::Days, &utc, true);
        assert_eq!(cut.buckets, whole.buckets[..2]);
        assert_eq!(cut.next_usec, Some(48 * HOUR_USEC));
        let many: Vec<Slot> = (0..1500)
            .map(|n| Slot {
                start_usec: n * HOUR_USEC,
                bytes: sent(1),
            })
            .collect();
        let first = gather(&many, Resolution::Hours, &utc, false);
        assert_eq!(first.buckets.len(), MAX_ROWS);
        assert_eq!(first.next_usec, Some(1000 * HOUR_USEC));
    }

    #[test]
    fn a_flood_is_held_to_its_pace() {
        let mut allowance = Allowance::new(Duration::ZERO);
        let taken = (0..10_000)
            .filter(|n| allowance.take(Duration::from_millis(*n)))
            .count();
        // 40 at once and 20 in each of ten seconds.
        assert!((239..=240).contains(&taken), "{taken}");
        assert!(!allowance.take(Duration::from_secs(10)) || taken < 240);
        assert!(allowance.take(Duration::from_secs(11)));
        let later = Duration::from_secs(1000);
        assert_eq!((0..1000).filter(|_| allowance.take(later)).count(), 40);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_in_any_resolution(
            from in 1_700_000_000i64..1_900_000_000, hours in 1i64..2000, bytes in 0u64..1 << 40,
            zone in prop::sample::select(vec!["UTC", "Asia/Kathmandu", "Australia/Lord_Howe"]),
            day in 1i8..=31,
        ) {
            let calendar = Calendar::new(day, TimeZone::get(zone).unwrap());
            let from = from * 1_000_000;
            let slots = spread(from, from + hours * HOUR_USEC, sent(bytes), &calendar);
            for resolution in Resolution::ALL {
                let past = gather(&slots, resolution, &calendar, false);
                let rest = past.next_usec.map_or(0, |next| {
                    slots.iter().filter(|slot| slot.start_usec >= next).map(|slot| slot.bytes.tx).sum()
                });
                let sum: u64 = past.buckets.iter().map(|(_, bytes)| bytes.tx).sum();
                prop_assert_eq!(sum + rest, bytes);
                for pair in past.buckets.windows(2) {
                    prop_assert!(pair[0].0.end_usec <= pair[1].0.start_usec);
                }
            }
        }
    }
}

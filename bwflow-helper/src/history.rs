//! The past of a link in hours, days or billing periods: pure decisions.
//!
//! It is told by the loop that owns the ledger, over the one connection to it, because only there the
//! bytes are known that are not committed yet. So that nobody can hold up the accounting by asking,
//! one call reads at most [`MAX_SLOTS`] rows, [`Allowance`] bounds how many calls there are, and the
//! loop is never asked a second thing before it has answered the first.

use std::time::Duration;

use bwflow_proto::history::{MAX_ROWS, Resolution};

use crate::counter::Counters;
use crate::ledger::slot::{HOUR_USEC, Slot, hour};
use crate::period::{Calendar, Period};

/// Rows of the ledger that one call reads at most: those of two billing periods, and a few
/// milliseconds. No stretch of any resolution has as many.
pub const MAX_SLOTS: usize = 2000;

/// A day on which clocks are set back, by at most two hours anywhere; microseconds.
const LONGEST_DAY: i64 = 26 * HOUR_USEC;

/// The stretch of a resolution that an instant falls in.
pub fn bucket(resolution: Resolution, calendar: &Calendar, usec: i64) -> Period {
    match resolution {
        Resolution::Hours => hour(usec),
        Resolution::Days => calendar.day(usec),
        Resolution::Months => calendar.containing(usec),
    }
}

/// Bytes as the ledger holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First instant.
    pub start_usec: i64,
    /// For what others counted, the first instant after it; nothing for a slot of our own, which
    /// never reaches over the end of a stretch.
    pub end_usec: Option<i64>,
    /// What was moved.
    pub bytes: Counters,
}

impl Piece {
    /// A slot of our own count.
    pub const fn own(slot: Slot) -> Self {
        Self {
            start_usec: slot.start_usec,
            end_usec: None,
            bytes: slot.bytes,
        }
    }
}

/// What was moved in one stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The stretch.
    pub period: Period,
    /// What was moved.
    pub bytes: Counters,
    /// Whether some of it is our own count.
    pub has_own: bool,
    /// Whether some of it is not.
    pub has_others: bool,
    /// Whether it stands for itself, longer than the resolution asked for.
    pub is_coarse: bool,
}

/// Gathers pieces, which come in order, into stretches, which then are in order, too; those without
/// traffic are missing. What was counted more coarsely keeps its own length.
pub fn gather(pieces: &[Piece], resolution: Resolution, calendar: &Calendar) -> Vec<Sum> {
    let mut sums: Vec<Sum> = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.bytes.is_zero()) {
        let last = sums.iter_mut().rev().find(|sum| !sum.is_coarse);
        let known = last.filter(|sum| sum.period.contains(piece.start_usec));
        let period = known.as_ref().map_or_else(
            || bucket(resolution, calendar, piece.start_usec),
            |sum| sum.period,
        );
        let is_own = piece.end_usec.is_none();
        let too_long = piece.end_usec.filter(|end| {
            // A day of another zone counts into the period it begins in, as in the report.
            let is_day = resolution == Resolution::Months && *end - piece.start_usec <= LONGEST_DAY;
            *end > period.end_usec && !is_day
        });
        match (known, too_long) {
            (Some(sum), None) => {
                sum.bytes = sum.bytes.plus(piece.bytes);
                sum.has_own |= is_own;
                sum.has_others |= !is_own;
            }
            (_, too_long) => sums.push(Sum {
                period: too_long.map_or(period, |end_usec| Period {
                    start_usec: piece.start_usec,
                    end_usec,
                }),
                bytes: piece.bytes,
                has_own: is_own,
                has_others: !is_own,
                is_coarse: too_long.is_some(),
            }),
        }
    }
    sums.sort_by_key(|sum| sum.period.start_usec);
    sums
}

/// Where to stop, if not all pieces were read, so that every stretch before is complete: at the
/// beginning of the stretch that the last one read falls in.
pub fn stop<T>(
    read: &[T],
    start: impl Fn(&T) -> i64,
    resolution: Resolution,
    calendar: &Calendar,
) -> Option<i64> {
    let last = read.last().filter(|_| read.len() >= MAX_SLOTS)?;
    Some(bucket(resolution, calendar, start(last)).start_usec)
}

/// Leaves no more rows than one answer may have; returns from where to go on.
pub fn cut(sums: &mut Vec<Sum>) -> Option<i64> {
    let next = sums.get(MAX_ROWS)?.period.start_usec;
    sums.retain(|sum| sum.period.start_usec < next);
    Some(next)
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

    fn own(slots: &[Slot]) -> Vec<Piece> {
        slots.iter().copied().map(Piece::own).collect()
    }

    fn shown(sums: &[Sum]) -> Vec<(i64, u64)> {
        let sums = sums.iter();
        sums.map(|sum| (sum.period.start_usec, sum.bytes.tx))
            .collect()
    }

    fn hours(range: std::ops::Range<i64>) -> Vec<Piece> {
        let slots = range.map(|n| Slot {
            start_usec: n * HOUR_USEC,
            bytes: sent(1),
        });
        slots.map(Piece::own).collect()
    }

    #[test]
    fn days_and_periods_begin_at_local_midnight_and_hours_with_utc() {
        let edge = at("2026-02-28T18:15:00Z");
        // A byte a second for an hour, 900 s of which are in February.
        let begin = edge - 900_000_000;
        let pieces = own(&spread(begin, begin + HOUR_USEC, sent(3600), &kathmandu()));
        let sums = |resolution| shown(&gather(&pieces, resolution, &kathmandu()));
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
    fn what_others_counted_is_never_made_finer() {
        let utc = Calendar::new(1, TimeZone::UTC);
        let day = at("2026-05-05T00:00:00Z");
        let others = |start_usec, hours| Piece {
            start_usec,
            end_usec: Some(start_usec + hours * HOUR_USEC),
            bytes: sent(100),
        };
        let slot = |hour| {
            Piece::own(Slot {
                start_usec: day + hour * HOUR_USEC,
                bytes: sent(1),
            })
        };
        // A whole day, an hour of it, and what we have counted since.
        let pieces = [others(day, 24), others(day, 1), slot(0), slot(1), slot(25)];
        let sources = |resolution| {
            let sums = gather(&pieces, resolution, &utc);
            let sums = sums.iter().map(|sum| {
                let hours = (sum.period.end_usec - sum.period.start_usec) / HOUR_USEC;
                (hours, sum.bytes.tx, sum.has_own, sum.has_others)
            });
            sums.collect::<Vec<_>>()
        };
        assert_eq!(
            sources(Resolution::Hours),
            [
                (24, 100, false, true),
                (1, 101, true, true),
                (1, 1, true, false),
                (1, 1, true, false)
            ]
        );
        assert_eq!(
            sources(Resolution::Days),
            [(24, 202, true, true), (24, 1, true, false)]
        );
    }

    #[test]
    fn what_is_cut_goes_on_where_it_was_cut() {
        let utc = Calendar::new(1, TimeZone::UTC);
        let start = |piece: &Piece| piece.start_usec;
        let stops = |count: i64, resolution| stop(&hours(0..count), start, resolution, &utc);
        assert_eq!(stops(1999, Resolution::Days), None);
        assert_eq!(stops(2000, Resolution::Hours), Some(1999 * HOUR_USEC));
        // The last one is the eighth hour of its day.
        assert_eq!(stops(2000, Resolution::Days), Some(1992 * HOUR_USEC));
        assert_eq!(
            stops(2000, Resolution::Months),
            Some(at("1970-03-01T00:00:00Z"))
        );
        let mut sums = gather(&hours(0..1500), Resolution::Hours, &utc);
        assert_eq!(cut(&mut sums), Some(1000 * HOUR_USEC));
        assert_eq!(sums.len(), MAX_ROWS);
        assert_eq!(cut(&mut sums), None);
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
            let pieces = own(&spread(from, from + hours * HOUR_USEC, sent(bytes), &calendar));
            for resolution in Resolution::ALL {
                let sums = gather(&pieces, resolution, &calendar);
                prop_assert_eq!(sums.iter().map(|sum| sum.bytes.tx).sum::<u64>(), bytes);
                for pair in sums.windows(2) {
                    prop_assert!(pair[0].period.end_usec <= pair[1].period.start_usec);
                }
            }
        }
    }
}

//! The rows of the ledger: what was moved within one hour of one local day.

use crate::counter::Counters;
use crate::period::{Calendar, Period};

/// An hour in microseconds.
pub const HOUR_USEC: i64 = 3_600_000_000;

/// Bytes of one UTC hour, or of the part of it that lies in one local day: a day, and a period with
/// it, may begin within an hour (Kathmandu is 5:45 ahead), and a sum over either must still be exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// First instant: the hour's, or the day's if that is later.
    pub start_usec: i64,
    /// What was moved.
    pub bytes: Counters,
}

/// The bounds `[start, end)` of the slot an instant falls in.
fn bounds(usec: i64, day: &Period) -> (i64, i64) {
    let hour = hour(usec);
    (
        hour.start_usec.max(day.start_usec),
        hour.end_usec.min(day.end_usec),
    )
}

/// The hour of UTC an instant falls in.
pub fn hour(usec: i64) -> Period {
    let start_usec = usec.saturating_sub(usec.rem_euclid(HOUR_USEC));
    Period {
        start_usec,
        end_usec: start_usec.saturating_add(HOUR_USEC),
    }
}

/// When the slot after the one that holds `usec` begins: the next hour, day or period.
pub fn next_edge(usec: i64, calendar: &Calendar) -> i64 {
    bounds(usec, &calendar.day(usec)).1
}

/// Spreads bytes that were moved somewhere in `[from, to)` over the slots, in proportion to time.
/// The slots' sum is `bytes`, to the byte. A stretch without length is the moment just before
/// `to`.
pub fn spread(from_usec: i64, to_usec: i64, bytes: Counters, calendar: &Calendar) -> Vec<Slot> {
    let from = from_usec.min(to_usec - 1);
    let mut slots = Vec::new();
    let mut day = calendar.day(from);
    let mut cursor = from;
    let mut done = Counters::default();
    while cursor < to_usec {
        if !day.contains(cursor) {
            day = calendar.day(cursor);
        }
        let (start_usec, end) = bounds(cursor, &day);
        // A calendar at the end of time could stand still; the loop must not.
        let end = end.max(cursor + 1).min(to_usec);
        let upto = Counters {
            tx: share(bytes.tx, end - from, to_usec - from),
            rx: share(bytes.rx, end - from, to_usec - from),
        };
        // Differences of rounded sums, so that nothing is lost to rounding.
        let part = Counters {
            tx: upto.tx - done.tx,
            rx: upto.rx - done.rx,
        };
        if !part.is_zero() {
            slots.push(Slot {
                start_usec,
                bytes: part,
            });
        }
        done = upto;
        cursor = end;
    }
    slots
}

fn share(bytes: u64, part: i64, whole: i64) -> u64 {
    let share = i128::from(bytes) * i128::from(part) / i128::from(whole);
    u64::try_from(share).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn utc() -> Calendar {
        Calendar::new(1, TimeZone::UTC)
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn tx(slots: &[Slot]) -> Vec<u64> {
        slots.iter().map(|slot| slot.bytes.tx).collect()
    }

    fn sent(tx: u64) -> Counters {
        Counters { tx, rx: 0 }
    }

    #[test]
    fn an_hour_of_silence_is_spread_over_both_hours_it_touched() {
        let slots = spread(
            at("2026-05-05T10:45:00Z"),
            at("2026-05-05T11:45:00Z"),
            sent(1001),
            &utc(),
        );
        assert_eq!(slots[0].start_usec, at("2026-05-05T10:00:00Z"));
        assert_eq!(slots[1].start_usec, at("2026-05-05T11:00:00Z"));
        assert_eq!(tx(&slots), [250, 751]);
    }

    #[test]
    fn bytes_up_to_an_edge_belong_before_it() {
        let edge = at("2026-06-01T00:00:00Z");
        let before = spread(edge - 15_000_000, edge, sent(9), &utc());
        assert_eq!(before.len(), 1);
        assert_eq!(before[0].start_usec, edge - HOUR_USEC);
        let instant = spread(edge, edge, sent(9), &utc());
        assert_eq!(instant, before);
    }

    #[test]
    fn a_midnight_within_an_hour_splits_the_hour() {
        let kathmandu = Calendar::new(1, TimeZone::get("Asia/Kathmandu").unwrap());
        // The first is a period's edge, too.
        for edge in ["2026-02-28T18:15:00Z", "2026-03-14T18:15:00Z"] {
            let edge = at(edge);
            let slots = spread(edge - 60, edge + 40, sent(100), &kathmandu);
            assert_eq!(tx(&slots), [60, 40]);
            assert_eq!(slots[0].start_usec, edge - HOUR_USEC / 4);
            assert_eq!(slots[1].start_usec, edge);
        }
    }

    #[test]
    fn the_next_edge_is_an_hours_or_a_periods() {
        let kathmandu = Calendar::new(1, TimeZone::get("Asia/Kathmandu").unwrap());
        let edge = at("2026-02-28T18:15:00Z");
        assert_eq!(next_edge(edge - 1, &kathmandu), edge);
        assert_eq!(next_edge(edge, &kathmandu), at("2026-02-28T19:00:00Z"));
    }

    const ZONES: [&str; 5] = [
        "UTC",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Europe/Berlin",
    ];

    proptest! {
        #[test]
        fn no_byte_is_lost_and_every_slot_is_in_order(
            from in 0i64..4_000_000_000_000_000, length in 0i64..100 * HOUR_USEC,
            bytes: (u64, u64), day in 1i8..=31, zone in 0usize..ZONES.len(),
        ) {
            let calendar = Calendar::new(day, TimeZone::get(ZONES[zone]).unwrap());
            let bytes = Counters { tx: bytes.0, rx: bytes.1 };
            let slots = spread(from, from + length, bytes, &calendar);
            let sum = slots.iter().fold(Counters::default(), |sum, slot| sum.plus(slot.bytes));
            prop_assert_eq!(sum, bytes);
            prop_assert!(slots.windows(2).all(|pair| pair[0].start_usec < pair[1].start_usec));
            for slot in slots {
                prop_assert!(slot.start_usec < (from + length).max(from + 1));
                let day = calendar.day(slot.start_usec);
                prop_assert_eq!(bounds(slot.start_usec, &day).0, slot.start_usec);
            }
        }

        #[test]
        fn what_is_spread_at_a_steady_pace_is_the_same_however_it_is_split(
            from in 0i64..4_000_000_000, cuts in prop::collection::vec(1i64..20_000, 1..12),
            day in 1i8..=31, zone in 0usize..ZONES.len(),
        ) {
            // One byte a second: whole seconds lie wholly in one slot or another.
            let calendar = Calendar::new(day, TimeZone::get(ZONES[zone]).unwrap());
            let mut split = std::collections::BTreeMap::new();
            let mut cursor = from;
            for cut in cuts {
                let bytes = sent(u64::try_from(cut).unwrap());
                for slot in spread(cursor * 1_000_000, (cursor + cut) * 1_000_000, bytes, &calendar) {
                    *split.entry(slot.start_usec).or_insert(0) += slot.bytes.tx;
                }
                cursor += cut;
            }
            let bytes = sent(u64::try_from(cursor - from).unwrap());
            let whole = spread(from * 1_000_000, cursor * 1_000_000, bytes, &calendar);
            let whole: std::collections::BTreeMap<_, _> =
                whole.iter().map(|slot| (slot.start_usec, slot.bytes.tx)).collect();
            prop_assert_eq!(split, whole);
        }
    }
}

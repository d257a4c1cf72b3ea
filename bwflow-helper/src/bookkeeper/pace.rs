//! How fast a link's budget is being used up.

use bwflow_proto::config::Link;

use super::Bookkeeper;
use crate::account::{Account, within};
use crate::counter::Counters;
use crate::forecast::Pace;
use crate::ledger::imports::Stretch;
use crate::ledger::slot::HOUR_USEC;
use crate::ledger::store::StoreError;

/// How far back today's pace is taken from.
pub(super) const DAY_USEC: i64 = 24 * HOUR_USEC;
/// The longest row of vnStat that may reach into that day: a month.
const LONGEST_USEC: i64 = 32 * DAY_USEC;
/// More than there are hours in both.
const MOST_IMPORTS: usize = 2000;

impl Bookkeeper {
    /// What was charged in the last day, or since anything is known of the link: since it was
    /// first seen, or since when vnStat counted it before.
    pub(super) fn pace(
        &self,
        link: &Link,
        account: &Account,
        now: i64,
    ) -> Result<Pace, StoreError> {
        let name = &link.interface;
        let first_seen = self.store.first_seen(name)?.unwrap_or(now);
        let day_ago = now - DAY_USEC;
        let day_ago = day_ago - day_ago.rem_euclid(HOUR_USEC);
        let imports = self
            .store
            .imports(name, day_ago - LONGEST_USEC, now, MOST_IMPORTS)?;
        let reaching = imports.iter().filter(|it| it.end_usec > day_ago);
        let first = reaching.map(|it| it.start_usec).fold(first_seen, i64::min);
        // A clock that was set back may put the first sight into the future.
        let begin = if day_ago < first && first < now {
            first
        } else {
            day_ago
        };
        let from = begin - begin.rem_euclid(HOUR_USEC);
        let booked = self.store.traffic(name, from, now)?;
        let moved = booked.plus(within(account.pending(), from, now));
        let excluded = self.store.excluded(name, from, now)?;
        let moved = moved.less(excluded.plus(within(account.pending_excluded(), from, now)));
        let moved = imports
            .iter()
            .fold(moved, |sum, it| sum.plus(share(it, begin, now)));
        Ok(Pace {
            bytes: link.count.charge(moved.tx, moved.rx),
            window_usec: u64::try_from(now - begin).unwrap_or(1),
        })
    }
}

/// What of a stretch lies in `[from, to)`, if it was moved evenly.
fn share(it: &Stretch, from: i64, to: i64) -> Counters {
    let positive = |usec: i64| u128::try_from(usec).unwrap_or(0);
    let length = positive(it.end_usec - it.start_usec).max(1);
    let inside = positive(it.end_usec.min(to) - it.start_usec.max(from));
    let part = |bytes: u64| u64::try_from(u128::from(bytes) * inside / length).unwrap_or(u64::MAX);
    Counters {
        tx: part(it.bytes.tx),
        rx: part(it.bytes.rx),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::bookkeeper::tests::{NOW, answer, books, clock, one_link};

    use super::*;

    /// The forecast ten minutes after the first sight, in which nothing flowed, of what was moved
    /// in the hours before it. 26 days and 13 h 50 min are to come.
    fn forecast(hours: i64, tx: u64) -> u64 {
        let directory = tempfile::tempdir().unwrap();
        let mut books = books(directory.path(), one_link());
        books.observe(&[answer("eth0", 0)], &clock(0));
        books.commit().unwrap();
        let past = Stretch {
            start_usec: NOW - hours * HOUR_USEC,
            end_usec: NOW,
            bytes: Counters { tx, rx: 0 },
        };
        books.store.import("eth0", &[past]).unwrap();
        let clock = clock(HOUR_USEC / 6);
        let (_, view) = books.figures("eth0", &clock).unwrap().unwrap();
        view.forecast_bytes
    }

    #[test]
    fn the_pace_of_a_new_installation_is_what_vnstat_saw_in_the_last_day() {
        let rest = (26 * 24 + 13) * 60 + 50;
        // The last day's half of two days, in 24 h and 10 min.
        let expected = 48_000_000 + 24_000_000 * rest / (24 * 60 + 10);
        assert_eq!(forecast(48, 48_000_000), expected);
        // All of a vnStat that was installed two hours before.
        let expected = 2_000_000 + 2_000_000 * rest / 130;
        assert_eq!(forecast(2, 2_000_000), expected);
    }
}

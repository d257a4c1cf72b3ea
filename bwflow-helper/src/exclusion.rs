//! From what the daemon says was excluded to the bytes that are not charged.

use std::sync::Arc;

use crate::clock::Clock;
use crate::counter::Counters;

/// Up to where excluded traffic has been taken off again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// Which of the daemon's counts this is; 0 before the first.
    pub epoch: u64,
    /// That count when it was last read, bytes.
    pub counters: Counters,
    /// What was counted on the link since the first reading and not taken off: more than this was
    /// not moved, and cannot have been excluded.
    pub room: Counters,
    /// The boot of the last reading.
    pub boot: Arc<str>,
    /// `CLOCK_BOOTTIME` at the last reading, microseconds.
    pub boottime_usec: i64,
}

impl Exclusion {
    /// These bytes were counted on the link.
    pub const fn moved(&mut self, bytes: Counters) {
        if self.epoch != 0 {
            self.room = self.room.plus(bytes);
        }
    }

    /// Takes in a reading of the daemon's count. Returns the bytes that are not charged after all.
    ///
    /// Another epoch began at zero after our last reading. Of the first one nobody knows how much
    /// of it was ever charged here.
    pub fn advance(&mut self, epoch: u64, now: Counters, clock: &Clock) -> Counters {
        if epoch == 0 {
            return Counters::default();
        }
        let since = if self.epoch == 0 {
            Counters::default()
        } else if self.epoch == epoch {
            now.less(self.counters)
        } else {
            now
        };
        let excluded = Counters {
            tx: since.tx.min(self.room.tx),
            rx: since.rx.min(self.room.rx),
        };
        self.room = self.room.less(excluded);
        (self.epoch, self.counters) = (epoch, now);
        (self.boot, self.boottime_usec) = (Arc::clone(&clock.boot), clock.boottime_usec);
        excluded
    }

    /// How long ago the last reading was, microseconds; at most as long as this boot.
    pub fn age_usec(&self, clock: &Clock) -> i64 {
        if self.boot == clock.boot {
            (clock.boottime_usec - self.boottime_usec).max(0)
        } else {
            clock.boottime_usec
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock() -> Clock {
        Clock {
            boot: "a".into(),
            usec: 7,
            boottime_usec: 5,
        }
    }

    fn both(bytes: u64) -> Counters {
        Counters {
            tx: bytes,
            rx: bytes,
        }
    }

    #[test]
    fn what_was_excluded_before_the_first_reading_stays_charged() {
        let mut exclusion = Exclusion::default();
        exclusion.moved(both(500));
        assert_eq!(exclusion.advance(9, both(400), &clock()), both(0));
        exclusion.moved(both(100));
        assert_eq!(exclusion.advance(9, both(430), &clock()), both(30));
        assert_eq!(exclusion.room, both(70));
    }

    #[test]
    fn another_count_began_at_zero() {
        let mut exclusion = Exclusion::default();
        exclusion.advance(9, both(400), &clock());
        exclusion.moved(both(1000));
        assert_eq!(exclusion.advance(10, both(30), &clock()), both(30));
        assert_eq!(exclusion.advance(10, both(30), &clock()), both(0));
        assert_eq!(exclusion.advance(0, both(0), &clock()), both(0));
        assert_eq!(exclusion.epoch, 10);
    }

    #[test]
    fn a_count_that_fell_excludes_nothing() {
        let mut exclusion = Exclusion::default();
        exclusion.advance(9, both(400), &clock());
        exclusion.moved(both(1000));
        assert_eq!(exclusion.advance(9, both(100), &clock()), both(0));
        assert_eq!(exclusion.advance(9, both(150), &clock()), both(50));
    }

    #[test]
    fn a_reading_of_another_boot_is_no_older_than_this_one() {
        let mut exclusion = Exclusion::default();
        exclusion.advance(9, both(0), &clock());
        let later = |boot: &str| Clock {
            boot: boot.into(),
            usec: 0,
            boottime_usec: 25,
        };
        assert_eq!(exclusion.age_usec(&later("a")), 20);
        assert_eq!(exclusion.age_usec(&later("b")), 25);
    }

    proptest! {
        #[test]
        fn never_more_than_was_moved(
            steps in prop::collection::vec((0u64..4, 0u64..1 << 40, 0u64..1 << 40), 1..30),
        ) {
            let mut exclusion = Exclusion::default();
            let (mut moved, mut excluded) = (0, 0);
            for (epoch, bytes, counter) in steps {
                exclusion.moved(both(bytes));
                moved += bytes;
                excluded += exclusion.advance(epoch, both(counter), &clock()).tx;
                prop_assert!(excluded <= moved);
            }
        }

        #[test]
        fn what_is_read_late_is_taken_off_all_the_same(
            steps in prop::collection::vec((0u64..1 << 40, 0u64..=100, any::<bool>()), 1..30),
        ) {
            let mut exclusion = Exclusion::default();
            exclusion.advance(5, both(0), &clock());
            let (mut counter, mut excluded) = (0, 0);
            for (bytes, percent, answered) in steps {
                exclusion.moved(both(bytes));
                counter += bytes / 100 * percent;
                if answered {
                    excluded += exclusion.advance(5, both(counter), &clock()).tx;
                    prop_assert_eq!(excluded, counter);
                }
            }
        }
    }
}

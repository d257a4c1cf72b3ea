//! A moment that ages rightly over clock steps, suspend and restarts.

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// What both clocks said when something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The kernel's id of the boot it happened in.
    pub boot: String,
    /// `CLOCK_BOOTTIME`, microseconds.
    pub boottime_usec: i64,
    /// The wall clock, microseconds since the Unix epoch.
    pub usec: i64,
}

impl Moment {
    /// Now.
    pub fn of(clock: &Clock) -> Self {
        Self {
            boot: clock.boot.to_string(),
            boottime_usec: clock.boottime_usec,
            usec: clock.usec,
        }
    }

    /// Whether it was in the boot of these clocks.
    pub fn is_of_boot(&self, clock: &Clock) -> bool {
        self.boot == *clock.boot
    }

    /// How long ago it was, microseconds, never negative: by the clock that never steps where that
    /// counts from the same boot, else by the wall clock, and then at least as long as this boot lasts.
    pub fn age_usec(&self, clock: &Clock) -> i64 {
        let age = if self.is_of_boot(clock) {
            clock.boottime_usec.saturating_sub(self.boottime_usec)
        } else {
            let age = clock.usec.saturating_sub(self.usec);
            age.max(clock.boottime_usec)
        };
        age.max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(boot: &str, boottime_usec: i64, usec: i64) -> Clock {
        Clock {
            boot: boot.into(),
            boottime_usec,
            usec,
        }
    }

    #[test]
    fn a_stepped_wall_clock_changes_no_age_of_this_boot_and_none_is_negative() {
        let then = Moment::of(&clock("a", 100, 5_000));
        assert_eq!(then.age_usec(&clock("a", 130, 9_000_000)), 30);
        assert_eq!(then.age_usec(&clock("a", 130, 0)), 30);
        assert_eq!(then.age_usec(&clock("b", 7, 5_040)), 40);
        assert_eq!(
            then.age_usec(&clock("b", 7, 10)),
            7,
            "it has run for so long"
        );
    }
}

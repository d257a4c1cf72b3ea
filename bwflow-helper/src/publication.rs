//! Which figures are worth telling: a pure decision, so that an idle link costs next to nothing.

use std::time::Duration;

use crate::counter::Counters;

/// Figures that differ by this many bytes are told at once. The daemon counts by itself and does
/// not depend on them; readers who want them to the byte ask by `Refresh`.
const NOTABLE: u64 = 1_000_000;
/// Less than that is told after this time, as soon as something moves again.
const NEWS_INTERVAL: Duration = Duration::from_secs(60);
/// A link that only chatters, with router solicitations say, moves less than this, and is told
/// after this time.
const CHATTER: u64 = 64 * 1024;
const CHATTER_INTERVAL: Duration = Duration::from_secs(900);
/// Figures are told at least this often, so that readers see what accrues.
const INTERVAL: Duration = Duration::from_secs(3600);

/// What a link has done, as far as it is known without the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Movement {
    /// The kernel's index of the interface; 0 while it is absent.
    pub interface_index: u32,
    /// All that was charged since some moment that stays the same.
    pub charged: Counters,
}

/// What was last told of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// When, by `CLOCK_BOOTTIME`.
    pub at: Duration,
    /// What the link had done until then.
    pub movement: Movement,
    /// The end of its period, microseconds since the Unix epoch.
    pub period_end_usec: u64,
}

impl Publication {
    /// Whether nothing needs to be told at `now` (`CLOCK_BOOTTIME`), `usec` by the wall clock.
    pub fn stands(&self, now: Duration, usec: i64, movement: Movement) -> bool {
        let age = now.saturating_sub(self.at);
        let (before, after) = (self.movement.charged, movement.charged);
        let moved = after.tx.abs_diff(before.tx) + after.rx.abs_diff(before.rx);
        movement.interface_index == self.movement.interface_index
            && u64::try_from(usec).is_ok_and(|usec| usec < self.period_end_usec)
            && age < INTERVAL
            && moved < NOTABLE
            && (moved < CHATTER || age < NEWS_INTERVAL)
            && (moved == 0 || age < CHATTER_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(1000);
    const END: i64 = 50;

    fn moved(tx: u64) -> Movement {
        Movement {
            interface_index: 2,
            charged: Counters { tx, rx: 0 },
        }
    }

    fn stands(after: u64, usec: i64, movement: Movement) -> bool {
        let told = Publication {
            at: AT,
            movement: moved(0),
            period_end_usec: 50,
        };
        told.stands(AT + Duration::from_secs(after), usec, movement)
    }

    #[test]
    fn what_matters_is_told_at_once() {
        assert!(stands(0, 0, moved(NOTABLE - 1)));
        assert!(!stands(0, 0, moved(NOTABLE)));
        let other_link = Movement {
            interface_index: 3,
            ..moved(0)
        };
        assert!(!stands(0, 0, other_link));
        assert!(!stands(0, END, moved(0)), "the next period");
    }

    #[test]
    fn news_waits_a_minute_chatter_a_quarter_of_an_hour_and_silence_an_hour() {
        assert!(stands(59, 0, moved(CHATTER)));
        assert!(!stands(60, 0, moved(CHATTER)));
        assert!(stands(899, 0, moved(CHATTER - 1)));
        assert!(!stands(900, 0, moved(1)));
        assert!(stands(3599, 0, moved(0)));
        assert!(!stands(3600, 0, moved(0)));
    }
}

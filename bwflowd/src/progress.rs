//! Whether what waits behind our bucket gets on.

use std::time::Duration;

/// What the kernel tells of our bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that have left it.
    pub passed: u64,
    /// Bytes that wait behind it.
    pub waiting: u32,
}

/// The last look's progress, to compare the next one's with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    last: Option<(Duration, Progress)>,
}

impl Watch {
    /// Takes in a look. Tells whether a queue stands still, at a time when `rate` bytes per
    /// second should have let `packet` bytes pass twice: then the first in it does not fit the
    /// bucket, and the kernel would wait for ever.
    pub fn stands_still(&mut self, now: Duration, seen: Progress, rate: u64, packet: u32) -> bool {
        let due = Duration::from_secs_f64(2.0 * f64::from(packet) / rate.max(1) as f64);
        let due = due.max(Duration::from_millis(200));
        match self.last {
            Some((since, before))
                if before.passed == seen.passed && before.waiting > 0 && seen.waiting > 0 =>
            {
                now.saturating_sub(since) >= due
            }
            _ => {
                self.last = Some((now, seen));
                false
            }
        }
    }

    /// The bucket was changed: what was seen before says nothing.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(watch: &mut Watch, millis: u64, passed: u64, waiting: u32) -> bool {
        let seen = Progress { passed, waiting };
        watch.stands_still(Duration::from_millis(millis), seen, 10_000, 1_500)
    }

    #[test]
    fn a_queue_that_does_not_move_in_time_stands_still() {
        let mut watch = Watch::default();
        assert!(!look(&mut watch, 0, 7, 64_000));
        assert!(!look(&mut watch, 250, 7, 64_000), "two packets take 300 ms");
        assert!(look(&mut watch, 301, 7, 64_000));
    }

    #[test]
    fn what_moves_or_is_empty_does_not() {
        let mut watch = Watch::default();
        assert!(!look(&mut watch, 0, 7, 64_000));
        assert!(!look(&mut watch, 1000, 8, 64_000));
        assert!(!look(&mut watch, 2000, 8, 0));
        assert!(!look(&mut watch, 3000, 8, 0));
        assert!(!look(&mut watch, 4000, 8, 64_000), "nothing waited before");
    }
}

//! Somebody who keeps taking our bucket off a link: not to be fought at full speed.

use std::time::Duration;

/// So many take-aways within [`WINDOW`] are a contest.
pub const LIMIT: u32 = 20;
/// How long take-aways are counted.
pub const WINDOW: Duration = Duration::from_secs(10);

/// How long to wait then: short, since the link is free for so long, but no busy loop.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Counts how often our bucket was taken away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contest {
    since: Duration,
    times: u32,
}

impl Contest {
    /// It was taken away at `now`; tells how often that was within [`WINDOW`].
    pub fn lost(&mut self, now: Duration) -> u32 {
        if now.saturating_sub(self.since) > WINDOW {
            *self = Self {
                since: now,
                times: 0,
            };
        }
        self.times = self.times.saturating_add(1);
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_a_contest_and_a_few_now_and_then_are_not() {
        let mut contest = Contest::default();
        let now = Duration::from_secs(100);
        assert!((1..LIMIT).all(|times| contest.lost(now) == times));
        assert_eq!(contest.lost(now), LIMIT);
        assert_eq!(contest.lost(now + WINDOW * 2), 1);
    }
}

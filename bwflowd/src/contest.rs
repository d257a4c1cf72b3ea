//! Somebody who keeps taking our bucket off a link: not to be fought at full speed.

use std::time::Duration;

/// More take-aways than this within [`WINDOW`] are a contest.
const LIMIT: u32 = 20;
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
    /// It was taken away at `now`; tells whether to pause before putting it back.
    pub fn lost(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.since) > WINDOW {
            *self = Self {
                since: now,
                times: 0,
            };
        }
        self.times += 1;
        self.times > LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_a_contest_and_a_few_now_and_then_are_not() {
        let mut contest = Contest::default();
        let now = Duration::from_secs(100);
        assert!((0..LIMIT).all(|_| !contest.lost(now)));
        assert!(contest.lost(now));
        assert!(!contest.lost(now + WINDOW * 2));
    }
}

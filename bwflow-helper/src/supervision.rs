//! What a service manager is told (`sd_notify(3)`): that we are ready, alive, ending. Nothing where
//! there is none.

use std::time::Duration;

use sd_notify::NotifyState;

/// Signs of life for `WatchdogSec=`.
#[derive(Debug)]
pub struct Supervision {
    /// How long the manager waits for one.
    limit: Option<Duration>,
    last: Option<Duration>,
}

impl Supervision {
    /// What the manager asked for when it started us.
    pub fn new() -> Self {
        Self {
            limit: sd_notify::watchdog_enabled(),
            last: None,
        }
    }

    /// The longest time between two looks, so that each can be followed by a sign of life.
    pub fn interval(&self, poll: Duration) -> Duration {
        self.limit.map_or(poll, |limit| poll.min(limit / 2))
    }

    /// The counters were read and booked, at `now` by `CLOCK_BOOTTIME`.
    pub fn alive(&mut self, now: Duration) {
        let Some(limit) = self.limit else { return };
        // Not at every look: a word to the manager wakes that, too.
        let fresh = |last| now.saturating_sub(last) + limit / 2 < limit * 3 / 4;
        if !self.last.is_some_and(fresh) {
            self.last = Some(now);
            tell(&NotifyState::Watchdog);
        }
    }

    /// All links were looked at for the first time.
    pub fn ready(&self) {
        tell(&NotifyState::Ready);
    }

    /// The end has been asked for.
    pub fn stopping(&self) {
        tell(&NotifyState::Stopping);
    }
}

impl Default for Supervision {
    fn default() -> Self {
        Self::new()
    }
}

fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!("the service manager cannot be told anything: {error}");
    }
}

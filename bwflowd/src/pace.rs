//! How fast a link's grant is being used up of late.

use std::time::Duration;

/// Bytes per second: rises at once, halves within a second of silence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the last look was, and what was left then.
    last: Option<(Duration, i64)>,
    /// Nothing is known before the second look.
    rate: Option<u64>,
}

impl Pace {
    /// Bytes per second; unlimited before the second look, so that a fast sender is noticed in
    /// time.
    pub fn rate(&self) -> u64 {
        self.rate.unwrap_or(u64::MAX)
    }

    /// Takes in a look at `now` that found `remaining` bytes, of which `drip` came in a second.
    /// Returns the bytes per second since the last look, if there was one.
    pub fn observe(&mut self, remaining: i64, drip: u64, now: Duration) -> Option<u64> {
        let (at, left) = self.last?;
        let micros = now.saturating_sub(at).as_micros().max(1);
        let spent = u128::try_from(i128::from(left) - i128::from(remaining)).unwrap_or(0);
        let since = u64::try_from(spent * 1_000_000 / micros).unwrap_or(u64::MAX);
        let since = since.saturating_add(drip);
        let faded = self.rate.map_or(0, |rate| {
            u64::try_from(u128::from(rate) * 1_000_000 / (1_000_000 + micros)).unwrap_or(0)
        });
        self.rate = Some(since.max(faded));
        Some(since)
    }

    /// The look is over: from here on, with `remaining` bytes left at `now`.
    pub fn begin(&mut self, remaining: i64, now: Duration) {
        self.last = Some((now, remaining));
    }

    /// What was left before says nothing any more: there is a new grant.
    pub fn interrupt(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_and_fades() {
        let mut pace = Pace::default();
        assert_eq!(pace.rate(), u64::MAX);
        pace.begin(10_000, Duration::from_secs(1));
        assert_eq!(pace.observe(4_000, 10, Duration::from_secs(2)), Some(6_010));
        pace.begin(4_000, Duration::from_secs(2));
        pace.observe(4_000, 0, Duration::from_secs(3));
        assert_eq!(pace.rate(), 3_005);
    }

    #[test]
    fn a_new_grant_is_no_traffic() {
        let mut pace = Pace::default();
        pace.begin(i64::MAX, Duration::from_secs(1));
        pace.interrupt();
        assert_eq!(pace.observe(i64::MIN, 0, Duration::from_secs(2)), None);
    }
}

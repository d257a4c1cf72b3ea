//! A model of the kernel's token bucket, because the kernel does not tell its tokens.
//!
//! `sch_tbf` starts full, gains `rate` bytes a second up to its size and pays every packet with
//! the length the scheduler gives it (`qdisc_pkt_len`), which is also what its byte counter counts.

use std::time::Duration;

/// What the bucket on a link holds, as far as its byte counter tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: u64,
    size: u64,
    peak: u64,
    tokens: i64,
    passed: u64,
    at: Duration,
}

impl Bucket {
    /// A bucket that was filled at `now`, when its counter stood at `passed` bytes.
    pub fn full(rate: u64, size: u32, passed: u64, now: Duration) -> Self {
        Self {
            rate: rate.max(1),
            size: size.into(),
            peak: 0,
            tokens: size.into(),
            passed,
            at: now,
        }
    }

    /// The same with a cap while there are tokens, bytes per second; 0 is none.
    #[must_use]
    pub fn capped(self, peak: u64) -> Self {
        Self { peak, ..self }
    }

    /// Carries the model on to `now`, when the counter stands at `passed` bytes.
    pub fn observe(&mut self, passed: u64, now: Duration) {
        let elapsed = now.saturating_sub(self.at).as_nanos();
        let gained = u128::from(self.rate) * elapsed / 1_000_000_000;
        // Only the time that was turned into whole bytes is used up.
        let used = gained * 1_000_000_000 / u128::from(self.rate);
        self.at += Duration::from_nanos(u64::try_from(used).unwrap_or(u64::MAX));
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        let paid = i64::try_from(passed.saturating_sub(self.passed)).unwrap_or(i64::MAX);
        self.passed = passed;
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        self.tokens = self
            .tokens
            .saturating_add(gained)
            .saturating_sub(paid)
            .min(size);
    }

    /// Bytes that still pass at full speed.
    pub fn tokens(&self) -> i64 {
        self.tokens
    }

    /// Bytes the bucket can hold.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How fast it lets go what it holds, bytes per second; 0 is as fast as the link can.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// How fast it fills, bytes per second.
    pub fn rate(&self) -> u64 {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    #[test]
    fn what_passes_is_paid_and_time_refills() {
        let mut bucket = Bucket::full(1000, 50_000, 7, START);
        bucket.observe(30_007, START + Duration::from_secs(2));
        assert_eq!(bucket.tokens(), 50_000 - 30_000 + 2000);
    }

    #[test]
    fn it_never_holds_more_than_its_size() {
        let mut bucket = Bucket::full(1000, 50_000, 0, START);
        bucket.observe(0, START + Duration::from_secs(3600));
        assert_eq!(bucket.tokens(), 50_000);
    }

    #[test]
    fn many_short_looks_lose_no_fraction_of_a_byte() {
        let mut bucket = Bucket::full(3, 50_000, 0, START);
        bucket.observe(1000, START);
        for step in 1..=1000u64 {
            bucket.observe(1000, START + Duration::from_millis(10 * step));
        }
        assert!(
            (49_029..=49_030).contains(&bucket.tokens()),
            "{}",
            bucket.tokens()
        );
    }
}

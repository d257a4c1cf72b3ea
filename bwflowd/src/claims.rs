//! What administrators have decided about one link, and when it ends: pure values.

use std::io;
use std::time::Duration;

use bwflow_proto::claim::{Claim, Options, TopUp};

use crate::arbitration::Demands;
use crate::clock::{Clock, usec};
use crate::decision::{Author, Decision, Refusal};

/// More top-ups and corrections than anybody books by hand before the helper comes round.
pub const MAX_TOP_UPS: usize = 1000;

/// A wall clock that is further off has been set, microseconds.
const STEP_USEC: u64 = 1_000_000;

/// What decides when a claim is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It holds until it is cleared.
    Never,
    /// This `CLOCK_BOOTTIME`: a duration does not care for the wall clock.
    Boottime(Duration),
    /// The wall clock, whoever sets it: at the claim's `expires_usec`.
    Wall,
}

/// A throttle or an override in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// As the bus shows it.
    pub claim: Claim,
    /// When it is over.
    pub end: End,
}

impl Standing {
    fn new(rate: u64, options: &Options, author: &Author, clock: &Clock) -> Self {
        let (end, expires_usec) = match (options.duration_usec, options.until_usec) {
            (Some(duration), _) => (
                End::Boottime(clock.boottime + Duration::from_micros(duration)),
                clock.wall_usec.saturating_add(duration),
            ),
            (None, Some(until)) => (End::Wall, until),
            (None, None) => (End::Never, 0),
        };
        Self {
            claim: Claim {
                rate_bytes_per_second: rate,
                owner_uid: author.uid,
                owner: author.name.clone(),
                reason: options.reason.clone().unwrap_or_default(),
                set_at_usec: clock.wall_usec,
                expires_usec,
            },
            end,
        }
    }

    /// How long it still holds; `None` is until it is cleared, zero is that it is over.
    pub fn left(&self, clock: &Clock) -> Option<Duration> {
        match self.end {
            End::Never => None,
            End::Boottime(at) => Some(at.saturating_sub(clock.boottime)),
            End::Wall => Some(clock.until(self.claim.expires_usec)),
        }
    }

    fn is_over(&self, clock: &Clock) -> bool {
        self.left(clock).is_some_and(|left| left.is_zero())
    }

    /// Computes anew what the wall clock will show at its end, now that somebody may have set
    /// that. Two readings of two clocks are never quite the same, and that is no step.
    fn restate(&mut self, clock: &Clock) {
        if let End::Boottime(at) = self.end {
            let left = usec(at.saturating_sub(clock.boottime));
            let expires = clock.wall_usec.saturating_add(left);
            if expires.abs_diff(self.claim.expires_usec) >= STEP_USEC {
                self.claim.expires_usec = expires;
            }
        }
    }

    /// Carries it over a reboot: only the wall clock knows how long that took, but nothing lasts
    /// longer than it had left when it was `written`.
    fn reboot(&mut self, written: &Clock, now: &Clock) {
        if let End::Boottime(at) = self.end {
            let had = at.saturating_sub(written.boottime);
            let left = now.until(self.claim.expires_usec).min(had);
            self.end = End::Boottime(now.boottime + left);
            self.restate(now);
        }
    }
}

/// Everything administrators have decided about one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The manual throttle.
    pub throttle: Option<Standing>,
    /// The override; its rate is 0 if it lifts every limit.
    pub override_claim: Option<Standing>,
    /// What the helper has yet to book, oldest first.
    pub top_ups: Vec<TopUp>,
    /// Whether the link has a grant, so that a limit found on it may be that grant's.
    pub granted: bool,
}

impl Claims {
    /// Whether nobody has decided anything that still matters.
    pub fn is_empty(&self) -> bool {
        self.standings().next().is_none() && self.top_ups.is_empty()
    }

    /// What they demand of the link.
    pub fn demands(&self) -> Demands {
        let rate = |standing: &Standing| standing.claim.rate_bytes_per_second;
        Demands {
            override_rate: self.override_claim.as_ref().map(rate),
            throttle: self.throttle.as_ref().map(rate),
        }
    }

    /// Takes in a decision that was checked; `new_id` makes an id that nobody has used.
    ///
    /// # Errors
    /// Too many top-ups and corrections wait already, or no id can be had. Nothing has changed then.
    pub fn decide(
        &mut self,
        decision: &Decision,
        author: &Author,
        clock: &Clock,
        new_id: impl FnOnce() -> io::Result<String>,
    ) -> Result<(), Refusal> {
        match decision {
            Decision::Throttle(rate, options) => {
                self.throttle = Some(Standing::new(*rate, options, author, clock));
            }
            Decision::ClearThrottle => self.throttle = None,
            Decision::Override(options) => {
                if let Some(bytes) = options.top_up_bytes {
                    self.book(bytes, None, options, author, clock, new_id)?;
                }
                let rate = options.rate_bytes_per_second.unwrap_or(0);
                self.override_claim = Some(Standing::new(rate, options, author, clock));
            }
            Decision::ClearOverride => self.override_claim = None,
            Decision::TopUp(bytes, options) => {
                self.book(*bytes, None, options, author, clock, new_id)?;
            }
            Decision::Correct(used, options) => {
                self.book(0, Some(*used), options, author, clock, new_id)?;
            }
        }
        Ok(())
    }

    /// Puts a top-up or a correction on the list of what the helper is to book.
    fn book(
        &mut self,
        bytes: u64,
        used_bytes: Option<u64>,
        options: &Options,
        author: &Author,
        clock: &Clock,
        new_id: impl FnOnce() -> io::Result<String>,
    ) -> Result<(), Refusal> {
        if self.top_ups.len() >= MAX_TOP_UPS {
            return Err(Refusal::Failed(format!(
                "{MAX_TOP_UPS} top-ups and corrections wait for bwflow-helper to book them; is it \
                 running?"
            )));
        }
        let id =
            new_id().map_err(|error| Refusal::Failed(format!("no id to book it by: {error}")))?;
        self.top_ups.push(TopUp {
            id,
            bytes,
            used_bytes,
            owner_uid: author.uid,
            owner: author.name.clone(),
            reason: options.reason.clone().unwrap_or_default(),
            at_usec: clock.wall_usec,
        });
        Ok(())
    }

    /// Drops what is over and returns it.
    pub fn expire(&mut self, clock: &Clock) -> Vec<(&'static str, Standing)> {
        let mut over = Vec::new();
        for (word, slot) in [
            ("throttle", &mut self.throttle),
            ("override", &mut self.override_claim),
        ] {
            if let Some(standing) = slot.take_if(|standing| standing.is_over(clock)) {
                over.push((word, standing));
            }
        }
        over
    }

    /// `CLOCK_BOOTTIME` at which the next of them is over, if nobody sets the wall clock.
    pub fn next_end(&self, clock: &Clock) -> Option<Duration> {
        self.standings()
            .filter_map(|standing| standing.left(clock))
            .min()
            .map(|left| clock.boottime + left)
    }

    /// Somebody may have set the wall clock.
    pub fn restate(&mut self, clock: &Clock) {
        for standing in [&mut self.throttle, &mut self.override_claim]
            .into_iter()
            .flatten()
        {
            standing.restate(clock);
        }
    }

    /// The machine has booted since they were `written`.
    pub fn reboot(&mut self, written: &Clock, now: &Clock) {
        for standing in [&mut self.throttle, &mut self.override_claim]
            .into_iter()
            .flatten()
        {
            standing.reboot(written, now);
        }
    }

    /// The throttle and the override.
    pub fn standings(&self) -> impl Iterator<Item = &Standing> {
        [&self.throttle, &self.override_claim].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOUR: u64 = 3_600_000_000;

    fn clock(boottime_secs: u64, wall_usec: u64) -> Clock {
        Clock {
            boottime: Duration::from_secs(boottime_secs),
            wall_usec,
        }
    }

    fn throttled(options: Options, clock: &Clock) -> Claims {
        let mut claims = Claims::default();
        claims
            .decide(
                &Decision::Throttle(1000, options),
                &Author::default(),
                clock,
                || unreachable!(),
            )
            .unwrap();
        claims
    }

    fn lasting(duration_usec: u64, clock: &Clock) -> Claims {
        let options = Options {
            duration_usec: Some(duration_usec),
            ..Options::default()
        };
        throttled(options, clock)
    }

    #[test]
    fn a_duration_does_not_care_for_the_wall_clock() {
        let mut claims = lasting(HOUR, &clock(100, 50 * HOUR));
        // Set ahead by a day: still there, and shown where it will be over.
        let stepped = clock(100 + 1800, 74 * HOUR);
        assert_eq!(claims.expire(&stepped), []);
        claims.restate(&stepped);
        let throttle = claims.throttle.as_ref().unwrap();
        assert_eq!(throttle.claim.expires_usec, 74 * HOUR + HOUR / 2);
        assert_eq!(claims.next_end(&stepped), Some(Duration::from_secs(3700)));
        // Set back by two days: over all the same.
        assert_eq!(claims.expire(&clock(3700, 2 * HOUR)).len(), 1);
        assert!(claims.is_empty());
    }

    #[test]
    fn a_time_of_day_follows_the_wall_clock() {
        let options = Options {
            until_usec: Some(51 * HOUR),
            ..Options::default()
        };
        let mut claims = throttled(options, &clock(100, 50 * HOUR));
        let next = |now: &Clock, claims: &Claims| claims.next_end(now).unwrap().as_secs();
        assert_eq!(next(&clock(100, 50 * HOUR), &claims), 3700);
        // Set back by an hour.
        let stepped = clock(200, 49 * HOUR);
        claims.restate(&stepped);
        assert_eq!(next(&stepped, &claims), 200 + 7200);
        assert_eq!(claims.expire(&clock(100_000, 51 * HOUR - 1)), []);
        assert_eq!(claims.expire(&clock(300, 51 * HOUR)).len(), 1);
    }

    #[test]
    fn the_wall_clock_decides_over_a_reboot_and_lengthens_nothing() {
        let written = clock(1000, 50 * HOUR);
        let left = |now: Clock| {
            let mut claims = lasting(2 * HOUR, &written);
            claims.reboot(&written, &now);
            let throttle = claims.throttle.unwrap();
            let left = throttle.left(&now).unwrap();
            assert_eq!(throttle.claim.expires_usec, now.wall_usec + usec(left));
            left.as_secs()
        };
        assert_eq!(left(clock(20, 51 * HOUR)), 3600);
        assert_eq!(left(clock(20, 53 * HOUR)), 0);
        // The clock has lost its battery.
        assert_eq!(left(clock(20, 7)), 7200);
    }

    #[test]
    fn what_has_no_end_stays() {
        let mut claims = throttled(Options::default(), &clock(1, 1));
        assert_eq!(claims.expire(&clock(u64::MAX / 2, u64::MAX)), []);
        assert_eq!(claims.next_end(&clock(1, 1)), None);
        claims.reboot(&clock(1, 1), &clock(0, 5));
        assert_eq!(claims, throttled(Options::default(), &clock(1, 1)));
    }

    #[test]
    fn an_override_with_a_top_up_is_both_or_nothing() {
        let decision = Decision::Override(Options {
            top_up_bytes: Some(5),
            ..Options::default()
        });
        let (now, author) = (clock(1, 1), Author::default());
        let mut claims = Claims::default();
        let no_id = || Err(io::ErrorKind::NotFound.into());
        assert!(claims.decide(&decision, &author, &now, no_id).is_err());
        assert!(claims.is_empty());
        for n in 0..MAX_TOP_UPS {
            let id = || Ok(format!("{n:032x}"));
            claims.decide(&decision, &author, &now, id).unwrap();
        }
        assert_eq!(claims.top_ups.len(), MAX_TOP_UPS);
        claims.override_claim = None;
        let refused = claims.decide(&decision, &author, &now, || Ok(String::new()));
        assert!(matches!(refused, Err(Refusal::Failed(_))));
        assert_eq!(claims.override_claim, None);
        assert_eq!(claims.top_ups.len(), MAX_TOP_UPS);
    }
}

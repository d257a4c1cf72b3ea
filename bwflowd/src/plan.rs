//! What to do with a link: a pure decision over what is left, what is installed and how fast it
//! can go.
//!
//! The kernel's bucket is *open* (not there), *armed* (its tokens are the last stretch of the
//! grant) or *held* (a small bucket at the grant's rate). Armed and held differ because the
//! kernel passes packets up to the bucket's size whole: a sender's 64 KiB segments behind an
//! empty large bucket would block everything else for half a second at 1 Mbit/s, while for a
//! small bucket the kernel cuts them into packets (`tbf_segment`).

use std::time::Duration;

use crate::bucket::Bucket;
use crate::netlink::tbf::{Peak, Tbf};

/// From this many bytes down the kernel's bucket takes over. The bucket's size travels as a `u32`.
pub const ARM_BELOW: i64 = 4_000_000_000;
/// Above this many bytes the bucket is taken off again.
pub const OPEN_ABOVE: i64 = 2 * ARM_BELOW;
/// A bucket below this is dry: the kernel waits until there are tokens for a whole segment of up
/// to 64 KiB, so that an armed bucket under load never falls to zero.
const DRY: i64 = 72 * 1024;
/// What must be left to fill a bucket again after it ran dry.
const WORTHWHILE: i64 = 128 * 1024;
/// How far the bucket may be ahead of the ledger before it is corrected.
const SLACK: i64 = 32 * 1024;
/// The shortest time between two looks.
const SOONEST: Duration = Duration::from_millis(20);
/// How often a link that something of ours holds is looked at when it matters little.
const CALM: Duration = Duration::from_secs(1);
/// The longest time between two looks at a link that nothing of ours holds: the counters go on
/// by themselves, and the kernel tells when somebody touches the link.
pub const SELDOM: Duration = Duration::from_secs(300);
/// How often an armed link in use is looked at if it could run dry before: then it stands still
/// for at most this long until what the bucket overcharged is made good.
const BUSY: Duration = Duration::from_millis(250);
/// Up to this rate a held link's segments are cut into packets, by a peak bucket of one packet:
/// other flows get their turn between them, and the interface's counter sees every header that
/// the bucket is charged for. Above, 200 Mbit/s, a timer for each packet would cost too much.
const CUT_BELOW: u64 = 25_000_000;
/// Room for what arrives while the bucket is being swapped under a fast sender.
const ARMED_LIMIT: u32 = 1 << 20;

/// What a grant lets a link do, and what the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What accrues, bytes per second.
    pub drip: u64,
    /// What the link is held to when nothing is left, bytes per second.
    pub rate: u64,
    /// A cap while bytes are left, bytes per second; 0 is none.
    pub peak: u64,
    /// The longest time between two looks.
    pub poll: Duration,
    /// The largest packet with its link-layer header, bytes.
    pub packet: u32,
    /// As fast as the link can go, bytes per second.
    pub fastest: u64,
    /// Whether the bucket sees all that is charged.
    pub sending_only: bool,
    /// Whether an administrator has asked for a rate.
    pub exact: bool,
}

/// What of ours is on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Open,
    /// A bucket with the last stretch of the grant.
    Armed(Bucket),
    /// A small bucket.
    Held {
        /// How fast it fills, bytes per second.
        rate: u64,
        /// The largest packet it was made for, bytes.
        packet: u32,
    },
    /// Ours, but its tokens are unknown: found at the start, or reset by the kernel.
    Unknown,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Leave everything as it is.
    Keep,
    /// Take our discipline off.
    Open,
    /// Install a bucket that holds what is left.
    Arm,
    /// Install a small bucket at the grant's rate.
    Hold,
}

impl Terms {
    /// The rate of a held link, bytes per second.
    pub fn held_rate(&self) -> u64 {
        let rate = if self.peak > 0 {
            self.rate.min(self.peak)
        } else {
            self.rate
        };
        rate.max(1)
    }

    /// The rate of an armed bucket: what accrues, and never more than the link is held to later,
    /// so that the bucket alone keeps the promise when every process of ours is gone.
    fn armed_rate(&self) -> u64 {
        if self.drip == 0 {
            self.held_rate()
        } else {
            self.drip.min(self.held_rate())
        }
    }

    /// Whether a cap leaves no room for a bucket above it.
    fn capped_flat(&self) -> bool {
        self.peak > 0 && self.peak <= self.armed_rate()
    }

    /// The small bucket: a few milliseconds' worth, at least two packets, at most 64 KiB unless
    /// a single packet or half a millisecond at the rate is more.
    fn small_bucket(&self, rate: u64) -> u32 {
        let packets = (2 * self.packet).min(60_000).max(self.packet);
        let paced = (rate / 200).min(60_000).max(rate / 2000);
        u32::try_from(paced).unwrap_or(u32::MAX).max(packets)
    }

    /// The discipline of a held link.
    pub fn held(&self) -> Tbf {
        let rate = self.held_rate();
        let queue = u32::try_from(rate / 10).unwrap_or(u32::MAX);
        Tbf {
            rate,
            burst: self.small_bucket(rate),
            limit: queue.clamp(10 * self.packet.min(1 << 20), 16 << 20),
            peak: (rate <= CUT_BELOW).then(|| Peak {
                rate: 8 * rate,
                burst: self.packet,
            }),
        }
    }

    /// The discipline of an armed link with `remaining` bytes left. What the small bucket may
    /// have let through meanwhile is held back.
    pub fn armed(&self, remaining: i64) -> Tbf {
        let small = self.small_bucket(self.held_rate());
        let burst = u32::try_from(remaining.min(ARM_BELOW) - i64::from(small)).unwrap_or(0);
        Tbf {
            rate: self.armed_rate(),
            burst: burst.max(small),
            limit: ARMED_LIMIT,
            peak: (self.peak > 0).then(|| Peak {
                rate: self.peak,
                burst: self.small_bucket(self.peak),
            }),
        }
    }

    /// What to do with `remaining` bytes left and `form` on the link; `stuck` when what waits
    /// behind our bucket stands still.
    pub fn decide(&self, remaining: i64, form: &Form, stuck: bool) -> Step {
        // Only a bucket that is nearly as large as what is left may stay.
        let enough = if matches!(form, Form::Armed(_)) {
            OPEN_ABOVE
        } else {
            ARM_BELOW
        };
        let open = self.peak == 0 && remaining > enough;
        let fill = if remaining >= WORTHWHILE && !self.capped_flat() {
            Step::Arm
        } else {
            Step::Hold
        };
        match form {
            Form::Open if open => Step::Keep,
            _ if open => Step::Open,
            Form::Open | Form::Unknown => fill,
            Form::Armed(_) if stuck => fill,
            Form::Armed(bucket) => {
                let tokens = bucket.tokens();
                let fillable = remaining.min(ARM_BELOW);
                let half = i64::try_from(bucket.size() / 2).unwrap_or(i64::MAX);
                let ahead = tokens > remaining.saturating_add(SLACK);
                let dry = tokens < DRY;
                let grown = fillable > tokens.saturating_add(half.max(WORTHWHILE));
                let outdated = self.differs(bucket.rate(), self.armed_rate())
                    || bucket.peak() != self.peak
                    || bucket.size() < u64::from(self.packet);
                let spent = remaining < WORTHWHILE;
                if ahead || dry || grown || outdated || spent {
                    fill
                } else {
                    Step::Keep
                }
            }
            Form::Held { rate, packet } => {
                if remaining >= self.worth_arming() && fill == Step::Arm {
                    Step::Arm
                } else if self.differs(*rate, self.held_rate()) || *packet < self.packet || stuck {
                    Step::Hold
                } else {
                    Step::Keep
                }
            }
        }
    }

    /// Whether a rate must be changed. A little less than wanted wastes next to nothing, and
    /// changing a discipline refills it; but what an administrator asked for is kept to the byte.
    fn differs(&self, installed: u64, wanted: u64) -> bool {
        let slack = if self.exact { 0 } else { wanted / 100 };
        installed > wanted || installed < wanted - slack
    }

    /// What quiet time must have saved up before a held link gets a large bucket again, bytes.
    fn worth_arming(&self) -> i64 {
        let pause = i64::try_from(self.rate.saturating_mul(10)).unwrap_or(i64::MAX);
        pause.max(2 * WORTHWHILE)
    }

    /// How long to wait before the next look, when `pace` bytes per second went of late, and
    /// `waiting` when something waits behind our bucket.
    pub fn next_look(&self, remaining: i64, form: &Form, pace: u64, waiting: bool) -> Duration {
        let fastest = if self.sending_only {
            self.fastest
        } else {
            self.fastest.saturating_mul(2)
        };
        let left = match form {
            Form::Armed(bucket) => bucket.tokens().min(remaining),
            _ => remaining,
        };
        let left = u64::try_from(left).unwrap_or(0);
        let until = |speed: u64| {
            Duration::from_secs_f64((left as f64 / (2.0 * speed.max(1) as f64)).min(86_400.0))
        };
        let wait = match form {
            // So much is left that the link would have to be eight times as fast as it can be.
            Form::Open => {
                return until(fastest)
                    .clamp(SOONEST, self.poll.max(SOONEST))
                    .max(SELDOM.min(until(fastest.saturating_mul(4))));
            }
            // The bucket holds by itself: a look in time is only needed to fill it again.
            Form::Armed(_) => {
                let idle = pace < left / 60 && !waiting;
                let capped = self.peak > 0 && self.sending_only;
                until(if capped {
                    fastest.min(self.peak)
                } else {
                    fastest
                })
                .max(if idle { CALM } else { BUSY })
                .min(until(pace))
            }
            // Nothing is urgent but a queue that stands still; what drips in may fill a bucket.
            Form::Held { .. } if !waiting && self.capped_flat() => self.poll,
            Form::Held { .. } if !waiting => {
                let missing = self.worth_arming().saturating_sub(remaining);
                let missing = u64::try_from(missing).unwrap_or(0);
                Duration::from_secs(missing / self.drip.max(1)).max(CALM)
            }
            Form::Held { .. } | Form::Unknown => CALM,
        };
        wait.clamp(SOONEST, self.poll.max(SOONEST))
    }
}

#[cfg(test)]
mod tests;

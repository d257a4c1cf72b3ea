//! What an administrator may decide about a link, and which decisions make no sense.

use bwflow_proto::claim::{MAX_DURATION_USEC, MAX_RATE, MAX_REASON, MAX_TOP_UP, MAX_USED, Options};
use bwflow_proto::units::{format_bytes, format_rate};

/// Whoever decides, as the bus vouches for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// User id.
    pub uid: u32,
    /// That user's name; empty if there is none.
    pub name: String,
}

/// One decision about one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Cap the link to a rate, bytes per second.
    Throttle(u64, Options),
    /// End the throttle.
    ClearThrottle,
    /// Lift or change the limit, whatever the budget.
    Override(Options),
    /// End the override.
    ClearOverride,
    /// Add bytes to the budget.
    TopUp(u64, Options),
    /// So many bytes have been used, says the bill.
    Correct(u64, Options),
}

/// Why a decision is not carried out; nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It makes no sense; the text says what does.
    #[error("{0}")]
    Invalid(String),
    /// The rate is under the configured `min_rate`, and it was not said that this is meant.
    #[error("{0}")]
    BelowMinRate(String),
    /// It could not be kept or carried out.
    #[error("{0}")]
    Failed(String),
}

impl Decision {
    /// Whether the decision makes sense at `now` (microseconds since the Unix epoch) on a link
    /// that nobody should throttle below `min_rate` bytes per second without meaning it.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn check(&self, now_usec: u64, min_rate: u64) -> Result<(), Refusal> {
        match self {
            Self::ClearThrottle | Self::ClearOverride => Ok(()),
            Self::Throttle(rate, options) => {
                check_options(options, now_usec)?;
                nothing_but(
                    options.rate_bytes_per_second.is_none(),
                    "Throttle",
                    "RateBytesPerSecond",
                )?;
                nothing_but(options.top_up_bytes.is_none(), "Throttle", "TopUpBytes")?;
                check_rate(*rate, options, min_rate)
            }
            Self::Override(options) => {
                check_options(options, now_usec)?;
                if let Some(bytes) = options.top_up_bytes {
                    check_amount(bytes)?;
                }
                options
                    .rate_bytes_per_second
                    .map_or(Ok(()), |rate| check_rate(rate, options, min_rate))
            }
            Self::TopUp(bytes, options) => {
                check_reason_only(options, now_usec, "TopUp")?;
                check_amount(*bytes)
            }
            Self::Correct(used, options) => {
                check_reason_only(options, now_usec, "Correct")?;
                if *used > MAX_USED {
                    return Err(invalid(format!(
                        "what was used must be at most {}",
                        format_bytes(MAX_USED)
                    )));
                }
                Ok(())
            }
        }
    }
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::Invalid(text.into())
}

fn nothing_but(holds: bool, method: &str, option: &str) -> Result<(), Refusal> {
    if holds {
        Ok(())
    } else {
        Err(invalid(format!(
            "{method} does not take {option} as an option"
        )))
    }
}

fn check_reason_only(options: &Options, now_usec: u64, method: &str) -> Result<(), Refusal> {
    check_options(options, now_usec)?;
    let only_reason = Options {
        reason: options.reason.clone(),
        ..Options::default()
    };
    nothing_but(*options == only_reason, method, "anything but Reason")
}

fn check_options(options: &Options, now_usec: u64) -> Result<(), Refusal> {
    let Options {
        duration_usec,
        until_usec,
        reason,
        ..
    } = options;
    if duration_usec.is_some() && until_usec.is_some() {
        return Err(invalid("give DurationUSec or UntilUSec, not both"));
    }
    if duration_usec.is_some_and(|d| d == 0 || d > MAX_DURATION_USEC) {
        return Err(invalid(
            "DurationUSec must be between 1 and ten years; leave it out for no end",
        ));
    }
    if let Some(until) = until_usec {
        if *until <= now_usec {
            return Err(invalid("UntilUSec lies in the past"));
        }
        if *until - now_usec > MAX_DURATION_USEC {
            return Err(invalid(
                "UntilUSec lies more than ten years ahead; leave it out for no end",
            ));
        }
    }
    if reason
        .as_ref()
        .is_some_and(|text| text.len() > MAX_REASON || text.chars().any(char::is_control))
    {
        return Err(invalid(format!(
            "Reason must have at most {MAX_REASON} bytes and no control characters"
        )));
    }
    Ok(())
}

fn check_rate(rate: u64, options: &Options, min_rate: u64) -> Result<(), Refusal> {
    if rate == 0 {
        return Err(invalid("the rate must be at least 1 byte per second"));
    }
    if rate > MAX_RATE {
        return Err(invalid(format!(
            "the rate must be at most {}",
            format_rate(MAX_RATE)
        )));
    }
    if rate < min_rate && options.force != Some(true) {
        return Err(Refusal::BelowMinRate(format!(
            "{} is less than min_rate, {}: a remote login would hardly answer any more",
            format_rate(rate),
            format_rate(min_rate)
        )));
    }
    Ok(())
}

fn check_amount(bytes: u64) -> Result<(), Refusal> {
    if bytes == 0 || bytes > MAX_TOP_UP {
        return Err(invalid(format!(
            "a top-up must be between 1 byte and {}",
            format_bytes(MAX_TOP_UP)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;
    const MIN: u64 = 8_000;

    fn is_invalid(decision: &Decision) -> bool {
        matches!(decision.check(NOW, MIN), Err(Refusal::Invalid(_)))
    }

    #[test]
    fn rates_have_bounds_and_slow_ones_must_be_meant() {
        let throttle = |rate, force| {
            Decision::Throttle(
                rate,
                Options {
                    force,
                    ..Options::default()
                },
            )
        };
        for rate in [0, MAX_RATE + 1, u64::MAX] {
            assert!(is_invalid(&throttle(rate, Some(true))), "{rate}");
        }
        assert_eq!(throttle(MIN, None).check(NOW, MIN), Ok(()));
        assert_eq!(throttle(MAX_RATE, None).check(NOW, MIN), Ok(()));
        for force in [None, Some(false)] {
            let refused = throttle(MIN - 1, force).check(NOW, MIN);
            assert!(matches!(refused, Err(Refusal::BelowMinRate(_))));
        }
        assert_eq!(throttle(1, Some(true)).check(NOW, MIN), Ok(()));
        let slow = Options {
            rate_bytes_per_second: Some(1),
            ..Options::default()
        };
        let refused = Decision::Override(slow).check(NOW, MIN);
        assert!(matches!(refused, Err(Refusal::BelowMinRate(_))));
    }

    #[test]
    fn an_end_lies_ahead_and_is_given_once() {
        let lift = |duration_usec, until_usec| {
            Decision::Override(Options {
                duration_usec,
                until_usec,
                ..Options::default()
            })
        };
        assert_eq!(lift(None, None).check(NOW, MIN), Ok(()));
        assert_eq!(lift(Some(1), None).check(NOW, MIN), Ok(()));
        assert_eq!(lift(None, Some(NOW + 1)).check(NOW, MIN), Ok(()));
        for (duration, until) in [
            (Some(1), Some(NOW + 1)),
            (Some(0), None),
            (Some(u64::MAX), None),
            (None, Some(NOW)),
            (None, Some(0)),
            (None, Some(u64::MAX)),
        ] {
            assert!(is_invalid(&lift(duration, until)), "{duration:?} {until:?}");
        }
    }

    #[test]
    fn amounts_and_reasons_have_bounds() {
        let top_up = |bytes| Decision::TopUp(bytes, Options::default());
        assert_eq!(top_up(1).check(NOW, MIN), Ok(()));
        for bytes in [0, MAX_TOP_UP + 1, u64::MAX] {
            assert!(is_invalid(&top_up(bytes)), "{bytes}");
        }
        let correct = |used| Decision::Correct(used, Options::default());
        for used in [0, MAX_USED] {
            assert_eq!(correct(used).check(NOW, MIN), Ok(()), "{used}");
        }
        assert!(is_invalid(&correct(MAX_USED + 1)));
        let because = |reason: &str| {
            Decision::TopUp(
                1,
                Options {
                    reason: Some(reason.to_owned()),
                    ..Options::default()
                },
            )
        };
        assert_eq!(because(&"é".repeat(100)).check(NOW, MIN), Ok(()));
        assert!(is_invalid(&because(&"é".repeat(101))));
        assert!(is_invalid(&because("a\u{1b}[2J")));
        let timed = Options {
            duration_usec: Some(1),
            ..Options::default()
        };
        assert!(is_invalid(&Decision::Correct(1, timed.clone())));
        assert!(is_invalid(&Decision::TopUp(1, timed)));
    }
}

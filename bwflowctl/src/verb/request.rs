//! What is asked of the daemon.

use std::time::Duration;

use bwflow_proto::claim::Options;

use crate::args::{Correct, Override, Terms, Throttle};

/// A decision by hand about one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Cap it to a rate, bytes per second.
    Throttle(u64, Options),
    /// End the throttle.
    ClearThrottle,
    /// Lift or change the limit, perhaps with a top-up.
    Override(Options),
    /// End the override.
    ClearOverride,
    /// Add bytes to the budget and change nothing else.
    TopUp(u64, Options),
    /// So many bytes have been used.
    Correct(u64, Options),
}

impl Request {
    pub(crate) fn throttle(args: &Throttle) -> Self {
        match args.rate {
            Some(rate) if !args.clear => Self::Throttle(rate, options(&args.terms, args.force)),
            _ => Self::ClearThrottle,
        }
    }

    pub(crate) fn override_limit(args: &Override) -> Self {
        if args.clear {
            return Self::ClearOverride;
        }
        let options = options(&args.terms, args.force);
        let has_end = options.duration_usec.is_some() || options.until_usec.is_some();
        match args.add {
            Some(bytes) if !has_end && args.rate.is_none() => Self::TopUp(bytes, options),
            add => Self::Override(Options {
                rate_bytes_per_second: args.rate,
                top_up_bytes: add,
                ..options
            }),
        }
    }

    pub(crate) fn correct(args: &Correct) -> Self {
        let options = Options {
            reason: args.reason.clone().filter(|reason| !reason.is_empty()),
            ..Options::default()
        };
        Self::Correct(args.used, options)
    }

    /// The method of the daemon's link object.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::Throttle(..) => "Throttle",
            Self::ClearThrottle => "ClearThrottle",
            Self::Override(_) => "Override",
            Self::ClearOverride => "ClearOverride",
            Self::TopUp(..) => "TopUp",
            Self::Correct(..) => "Correct",
        }
    }

    /// The polkit actions that must be granted.
    pub(crate) const fn actions(&self) -> &'static str {
        match self {
            Self::Throttle(..) | Self::ClearThrottle => "org.bwflow1.throttle",
            Self::Override(Options {
                top_up_bytes: Some(_),
                ..
            }) => "org.bwflow1.override and org.bwflow1.top-up",
            Self::Override(_) | Self::ClearOverride => "org.bwflow1.override",
            Self::TopUp(..) => "org.bwflow1.top-up",
            Self::Correct(..) => "org.bwflow1.correct",
        }
    }

    /// Bytes to be added to the budget, 0 with a correction; nothing if nothing is to be booked.
    pub(crate) const fn booked_bytes(&self) -> Option<u64> {
        match self {
            Self::Correct(..) => Some(0),
            _ => match self.top_up_bytes() {
                0 => None,
                bytes => Some(bytes),
            },
        }
    }

    /// Bytes to be added to the budget; 0 for none.
    pub(crate) const fn top_up_bytes(&self) -> u64 {
        match self {
            Self::TopUp(bytes, _)
            | Self::Override(Options {
                top_up_bytes: Some(bytes),
                ..
            }) => *bytes,
            _ => 0,
        }
    }
}

fn options(terms: &Terms, force: bool) -> Options {
    Options {
        duration_usec: terms.duration.map(microseconds),
        until_usec: terms
            .until
            .and_then(|time| u64::try_from(time.as_microsecond()).ok()),
        reason: terms.reason.clone().filter(|reason| !reason.is_empty()),
        force: force.then_some(true),
        ..Options::default()
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command, tomorrow};

    fn request(words: &[&str]) -> Request {
        let words = ["bwflowctl"].iter().chain(words);
        match Args::try_parse_from(words).unwrap().command {
            Command::Throttle(args) => Request::throttle(&args),
            Command::Override(args) => Request::override_limit(&args),
            Command::Correct(args) => Request::correct(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_become_one_call() {
        let until = tomorrow();
        let none = Options::default;
        assert_eq!(
            request(&[
                "throttle", "5Mbit", "--for", "2h", "--force", "--reason", "x"
            ]),
            Request::Throttle(
                625_000,
                Options {
                    duration_usec: Some(7_200_000_000),
                    reason: Some("x".to_owned()),
                    force: Some(true),
                    ..none()
                }
            )
        );
        assert_eq!(request(&["throttle", "--clear"]), Request::ClearThrottle);
        assert_eq!(request(&["override", "--clear"]), Request::ClearOverride);
        assert_eq!(
            request(&["correct", "--used", "73.2GB", "--reason", "a bill"]),
            Request::Correct(
                73_200_000_000,
                Options {
                    reason: Some("a bill".to_owned()),
                    ..none()
                }
            )
        );
        assert_eq!(request(&["override"]), Request::Override(none()));
        assert_eq!(
            request(&["override", "--until", &until.to_string(), "--rate", "8kbit"]),
            Request::Override(Options {
                until_usec: u64::try_from(until.as_microsecond()).ok(),
                rate_bytes_per_second: Some(1_000),
                ..none()
            })
        );
    }

    #[test]
    fn an_amount_alone_changes_no_limit() {
        assert_eq!(
            request(&["override", "--add", "10GB"]),
            Request::TopUp(10_000_000_000, Options::default())
        );
        for words in [
            &["override", "--add", "10GB", "--for", "1h"][..],
            &["override", "--add", "10GB", "--rate", "1Mbit"],
        ] {
            let both = request(words);
            assert!(matches!(both, Request::Override(_)), "{both:?}");
            assert_eq!(both.top_up_bytes(), 10_000_000_000);
            assert_eq!(
                both.actions(),
                "org.bwflow1.override and org.bwflow1.top-up"
            );
        }
    }
}

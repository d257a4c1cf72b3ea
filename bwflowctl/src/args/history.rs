//! The words of `bwflowctl history`.

use std::time::Duration;

use bwflow_proto::history::Resolution;
use bwflow_proto::units::parse_duration;
use clap::{Args as ClapArgs, ValueHint};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::time::parse_instant;

const HISTORY_HELP: &str = "\
Examples:
  bwflowctl history                         the last 30 days
  bwflowctl history --hours --since 7d -i wwan0
  bwflowctl history --months --json | jq '.links[].rows[-1].used_bytes'
  bwflowctl history --csv --since 365d > year.csv

Hours are those of UTC, shown in the link's time zone. Days begin at midnight of that zone, months \
are billing periods and named by their first and last day. What version 0.2 counted is known by the hour of UTC: \
where a midnight lies within such an hour, all of it is in the day in which the hour began.

What is used is what the plan charges; in months it includes corrections, as in the report. With \
count = \"max\" each row has its own larger direction, and rows do not add up to the period's.

JSON: one document.
  version                1
  resolution             hours, days or months
  links[]
    interface, timezone, counted
    rows[]               oldest first; without traffic there is none
      start, end         the latter no longer belongs to it
      tx_bytes, rx_bytes, used_bytes
      source             bwflow, vnstat, or both
    adjustments[]        what was decided by hand, oldest first
      kind               topup or correction
      bytes              added to the budget, or to what was used;
                         only the latter may be negative
      owner, reason, at
Times are RFC 3339 in UTC. CSV has the rows alone, by the same names.";

/// `bwflowctl history`.
#[derive(Debug, ClapArgs)]
#[command(after_help = HISTORY_HELP)]
pub(crate) struct History {
    /// Show hours; the last 24 without --since
    #[arg(long, conflicts_with_all = ["days", "months"])]
    hours: bool,

    /// Show days (the default); the last 30 without --since
    #[arg(long, conflicts_with = "months")]
    days: bool,

    /// Show billing periods; those of the last year without --since
    #[arg(long)]
    months: bool,

    /// From when on: so long ago (7d, 12h), YYYY-MM-DD, 'YYYY-MM-DD 18:00' or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = since, value_hint = ValueHint::Other)]
    pub(crate) since: Option<Since>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    /// Show this link only
    #[arg(long, short, value_name = "IF", alias = "link", value_hint = ValueHint::Other)]
    pub(crate) interface: Option<String>,
}

impl History {
    /// How finely the past is to be shown.
    pub(crate) const fn resolution(&self) -> Resolution {
        if self.hours {
            Resolution::Hours
        } else if self.months {
            Resolution::Months
        } else {
            Resolution::Days
        }
    }

    /// From when on, for a link in this time zone.
    ///
    /// # Errors
    /// The clocks of that zone never showed the time, or showed it twice.
    pub(crate) fn since(&self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
        const HOUR: u64 = 3600;
        let usual = match self.resolution() {
            Resolution::Hours => 23 * HOUR,
            Resolution::Days => 29 * 24 * HOUR,
            Resolution::Months => 365 * 24 * HOUR,
        };
        match &self.since {
            None => before(now, Duration::from_secs(usual)),
            Some(Since::Ago(duration)) => before(now, *duration),
            Some(Since::At(text)) => at(text, zone, now),
        }
    }
}

/// A beginning as it was typed: where its clock is decides each link's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    Ago(Duration),
    At(String),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(duration) = parse_duration(text) {
        before(Timestamp::now(), duration)?;
        return Ok(Since::Ago(duration));
    }
    // Far enough to the west for no day to lie ahead that has begun anywhere.
    at(
        text,
        &TimeZone::UTC,
        Timestamp::now() + SignedDuration::from_hours(26),
    )?;
    Ok(Since::At(text.to_owned()))
}

fn before(now: Timestamp, duration: Duration) -> Result<Timestamp, String> {
    let too_long = "that is longer ago than anything that was counted";
    let duration = SignedDuration::try_from(duration).map_err(|_| too_long)?;
    let since = now.checked_sub(duration).map_err(|_| too_long)?;
    if since < Timestamp::UNIX_EPOCH {
        return Err(too_long.to_owned());
    }
    Ok(since)
}

fn at(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    // A time of day alone would be the next one, which has no past.
    let is_day = text.trim().contains('-');
    let forms = || {
        let day = now.to_zoned(zone.clone()).date();
        format!(
            "write how long ago like 7d or 12h, a date like {day}, a date and time like '{day} \
             18:00', or RFC 3339 like {day}T18:00:00Z"
        )
    };
    if !is_day {
        return Err(forms());
    }
    let instant = parse_instant(text, zone, now).map_err(|told| {
        if told.starts_with("write ") {
            forms()
        } else {
            told
        }
    })?;
    if instant > now {
        return Err("that lies ahead, and the past is what can be shown".to_owned());
    }
    Ok(instant.max(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn parsed(words: &[&str]) -> Result<History, String> {
        let words = ["bwflowctl", "history"].iter().chain(words);
        match Args::try_parse_from(words) {
            Ok(args) => match args.command {
                Command::History(history) => Ok(history),
                other => panic!("{other:?}"),
            },
            Err(error) => {
                assert_eq!(error.exit_code(), 2, "{error}");
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn a_beginning_is_read_in_the_links_zone() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let kathmandu = TimeZone::get("Asia/Kathmandu").unwrap();
        let since = |words: &[&str]| {
            let since = parsed(words).unwrap().since(&kathmandu, now);
            since.unwrap().to_string()
        };
        assert_eq!(since(&[]), "2026-10-24T12:00:00Z");
        assert_eq!(since(&["--hours"]), "2026-11-21T13:00:00Z");
        assert_eq!(since(&["--months"]), "2025-11-22T12:00:00Z");
        assert_eq!(since(&["--since", "7d"]), "2026-11-15T12:00:00Z");
        assert_eq!(since(&["--since", "2026-11-01"]), "2026-10-31T18:15:00Z");
        assert_eq!(
            since(&["--since", "2026-11-01T06:00:00+01:00"]),
            "2026-11-01T05:00:00Z"
        );
        assert_eq!(since(&["--since", "1960-01-01"]), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_beginning_is_refused_with_what_would_be() {
        for (words, what) in [
            (&["--since", "soon"][..], "write how long ago like 7d"),
            (&["--since", "18:00"], "write how long ago like 7d"),
            (&["--since", "7"], "write how long ago like 7d"),
            (&["--since", "2026-02-30"], "there is no day 2026-02-30"),
            (&["--since", "2200-01-01"], "ten years"),
            (&["--since", "400000d"], "longer ago than anything"),
            (&["--hours", "--days"], "cannot be used with"),
            (&["--days", "--months"], "cannot be used with"),
            (&["--json", "--csv"], "cannot be used with"),
        ] {
            let told = parsed(words).unwrap_err();
            assert!(told.contains(what), "{words:?}: {told}");
        }
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let ahead = at("2026-11-23", &TimeZone::UTC, now).unwrap_err();
        assert!(ahead.starts_with("that lies ahead"), "{ahead}");
    }
}

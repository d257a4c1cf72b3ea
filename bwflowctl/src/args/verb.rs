//! The words of the verbs: what an administrator decides by hand.

use std::time::Duration;

use bwflow_proto::claim::{MAX_DURATION_USEC, MAX_RATE, MAX_REASON, MAX_TOP_UP, MAX_USED};
use bwflow_proto::units::{
    UnitError, format_bytes, format_rate, is_unprintable, parse_bytes, parse_duration, parse_rate,
};
use clap::{Args as ClapArgs, ValueHint};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::{TOO_FAR, parse_instant};

const THROTTLE_USAGE: &str = "\
bwflowctl throttle [--interface IF] [--for DURATION | --until TIME] [--reason TEXT] RATE
       bwflowctl throttle [--interface IF] --clear";

const THROTTLE_HELP: &str = "\
Examples:
  bwflowctl throttle '5 Mbit/s'             until it is cleared
  bwflowctl throttle 500kbit --for 2h --reason 'backup runs'
  bwflowctl throttle 2Mbit --until 18:00 -i wwan0
  bwflowctl throttle --clear";

/// `bwflowctl throttle`.
#[derive(Debug, ClapArgs)]
#[command(override_usage = THROTTLE_USAGE, after_help = THROTTLE_HELP)]
pub(crate) struct Throttle {
    /// The fastest the link may be, in bits per second: 500kbit, '5 Mbit/s'
    #[arg(value_name = "RATE", value_parser = rate, value_hint = ValueHint::Other, required_unless_present = "clear")]
    pub(crate) rate: Option<u64>,

    #[command(flatten)]
    pub(crate) terms: Terms,

    /// Set it even if a remote login would hardly answer any more (less than min_rate)
    #[arg(long)]
    pub(crate) force: bool,

    /// End the throttle
    #[arg(long, conflicts_with_all = ["rate", "duration", "until", "reason", "force"])]
    pub(crate) clear: bool,

    #[command(flatten)]
    pub(crate) call: Call,
}

const OVERRIDE_USAGE: &str = "\
bwflowctl override [--interface IF] [--for DURATION | --until TIME] [--rate RATE]
                          [--add AMOUNT] [--reason TEXT]
       bwflowctl override [--interface IF] --add AMOUNT [--reason TEXT]
       bwflowctl override [--interface IF] --clear";

const OVERRIDE_HELP: &str = "\
Examples:
  bwflowctl override --for 2h               no limit for two hours
  bwflowctl override --rate 20Mbit --until 18:00 --reason 'a move'
  bwflowctl override --add 10GB             more budget, the same limits
  bwflowctl override --for 1d --add 50GB    both at once
  bwflowctl override --clear";

/// `bwflowctl override`.
#[derive(Debug, ClapArgs)]
#[command(override_usage = OVERRIDE_USAGE, after_help = OVERRIDE_HELP)]
pub(crate) struct Override {
    /// Hold the link to this rate, in bits per second; without it there is no limit at all
    #[arg(long, value_name = "RATE", value_parser = rate, value_hint = ValueHint::Other)]
    pub(crate) rate: Option<u64>,

    /// Add this much to the budget of this period, in bytes: 10GB, '1.5 TiB'
    #[arg(
        long,
        value_name = "AMOUNT",
        value_parser = amount,
        value_hint = ValueHint::Other,
        allow_hyphen_values = true
    )]
    pub(crate) add: Option<u64>,

    #[command(flatten)]
    pub(crate) terms: Terms,

    /// Set it even if a remote login would hardly answer any more (less than min_rate)
    #[arg(long, requires = "rate")]
    pub(crate) force: bool,

    /// End the override; what was added to the budget stays
    #[arg(long, conflicts_with_all = ["rate", "add", "duration", "until", "reason", "force"])]
    pub(crate) clear: bool,

    #[command(flatten)]
    pub(crate) call: Call,
}

const CORRECT_HELP: &str = "\
Examples:
  bwflowctl correct --used 73.2GB --reason 'the bill of 22 November'
  bwflowctl correct --used 0B -i wwan0      the provider counts from now on

What has been used is AMOUNT at the moment bwflow-helper books it, which is at once while it runs; \
else the correction waits, and what flows until then is part of AMOUNT. What flows afterwards is \
added. It is of the billing period in which it was decided; the next one begins at nothing. \
`report` shows the difference it made, `history` also who made it, when and why.";

/// `bwflowctl correct`.
#[derive(Debug, ClapArgs)]
#[command(after_help = CORRECT_HELP)]
pub(crate) struct Correct {
    /// What the provider says has been used in this billing period, in bytes: 73.2GB, '1.5 TiB'
    #[arg(
        long,
        value_name = "AMOUNT",
        value_parser = used,
        value_hint = ValueHint::Other,
        allow_hyphen_values = true
    )]
    pub(crate) used: u64,

    /// Why, for whoever reads it later
    #[arg(long, value_name = "TEXT", value_parser = reason, value_hint = ValueHint::Other)]
    pub(crate) reason: Option<String>,

    #[command(flatten)]
    pub(crate) call: Call,
}

/// How long a decision holds, and why.
#[derive(Debug, ClapArgs)]
pub(crate) struct Terms {
    /// How long it holds, whatever becomes of the clock: 90m, 2h, 3d, 1h30m
    #[arg(
        id = "duration",
        long = "for",
        value_name = "DURATION",
        value_parser = duration,
        value_hint = ValueHint::Other,
        conflicts_with = "until"
    )]
    pub(crate) duration: Option<Duration>,

    /// Until when it holds: 18:00 (the next, local time), 'YYYY-MM-DD 18:00', YYYY-MM-DD or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = until, value_hint = ValueHint::Other)]
    pub(crate) until: Option<Timestamp>,

    /// Why, for whoever reads it later
    #[arg(long, value_name = "TEXT", value_parser = reason, value_hint = ValueHint::Other)]
    pub(crate) reason: Option<String>,
}

/// Which link, and how it is asked for.
#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// The link; not needed where there is only one
    #[arg(long, short, value_name = "IF", alias = "link", value_hint = ValueHint::Other)]
    pub(crate) interface: Option<String>,

    /// Do not ask for a password, here or by a graphical agent: be refused instead
    #[arg(long)]
    pub(crate) no_ask_password: bool,

    /// Print the link as `status --json` does
    #[arg(long)]
    pub(crate) json: bool,
}

fn rate(text: &str) -> Result<u64, String> {
    match parse_rate(text) {
        Ok(0) => Err("the slowest rate is 8 bit/s".to_owned()),
        Ok(rate) if rate > MAX_RATE => Err(format!("the fastest is {}", format_rate(MAX_RATE))),
        other => other.map_err(|error: UnitError| error.to_string()),
    }
}

fn amount(text: &str) -> Result<u64, String> {
    // Taken as the value even with its hyphen, to say this rather than that there is no such flag.
    if let Some(rest) = text.trim().strip_prefix(['-', '−']) {
        return Err(
            if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                "a top-up cannot be negative, nor taken back".to_owned()
            } else {
                "an amount must follow --add, like 10GB".to_owned()
            },
        );
    }
    match parse_bytes(text) {
        Ok(0) => Err("the least is 1 B".to_owned()),
        Ok(bytes) if bytes > MAX_TOP_UP => {
            Err(format!("the most at once is {}", format_bytes(MAX_TOP_UP)))
        }
        other => other.map_err(|error| error.to_string()),
    }
}

fn used(text: &str) -> Result<u64, String> {
    match parse_bytes(text) {
        Ok(bytes) if bytes > MAX_USED => Err(format!("the most is {}", format_bytes(MAX_USED))),
        other => other.map_err(|error| error.to_string()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_micros(MAX_DURATION_USEC);
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("the shortest time is 1s".to_owned()),
        Ok(duration) if duration > longest => {
            Err("the longest is 3650d (leave it out for no end)".to_owned())
        }
        other => other.map_err(|error| error.to_string()),
    }
}

fn until(text: &str) -> Result<Timestamp, String> {
    let (zone, now) = (TimeZone::system(), Timestamp::now());
    ahead(parse_instant(text, &zone, now)?, now, &zone)
}

/// The instant, if it lies ahead of `now` and not too far.
fn ahead(until: Timestamp, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let longest = jiff::SignedDuration::try_from(Duration::from_micros(MAX_DURATION_USEC));
    if until <= now {
        let [until, now] = [until, now].map(|time| {
            let time = time.to_zoned(zone.clone());
            time.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
        });
        return Err(format!(
            "that is {until}, which has passed: it is {now} now"
        ));
    }
    if longest.is_ok_and(|longest| until.duration_since(now) > longest) {
        return Err(TOO_FAR.to_owned());
    }
    Ok(until)
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() > MAX_REASON {
        let length = text.len();
        return Err(format!("at most {MAX_REASON} bytes, and it has {length}"));
    }
    if text.chars().any(is_unprintable) {
        return Err("no line feeds or other control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn refused(words: &[&str]) -> String {
        let words = ["bwflowctl"].iter().chain(words);
        let error = Args::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    }

    /// A day ahead, as it may be typed.
    pub(crate) fn tomorrow() -> Timestamp {
        let tomorrow = Timestamp::now() + jiff::SignedDuration::from_hours(24);
        tomorrow.round(jiff::Unit::Second).unwrap()
    }

    #[test]
    fn wrong_words_are_named_with_what_would_be_right() {
        let tomorrow = tomorrow().to_string();
        for (words, what) in [
            (&["throttle"][..], "<RATE>"),
            (&["throttle", "5"], "`5` has no unit (write \"5 kbit/s\" or"),
            (&["throttle", "5MB"], "'5MB' for '[RATE]'"),
            (&["throttle", "0 bit/s"], "the slowest rate is"),
            (&["throttle", "9 Tbit/s"], "the fastest is 8 Tbit/s"),
            (
                &["throttle", "5Mbit", "--clear"],
                "cannot be used with '--clear'",
            ),
            (
                &["throttle", "--clear", "--for", "2h"],
                "cannot be used with",
            ),
            (
                &["throttle", "5Mbit", "--for", "2h", "--until", &tomorrow],
                "'--for <DURATION>' cannot be used with '--until <TIME>'",
            ),
            (
                &["throttle", "5Mbit", "--for", "2"],
                "\"2m\", \"2h\" or \"2d\"",
            ),
            (
                &["throttle", "5Mbit", "--for", "0s"],
                "the shortest time is 1s",
            ),
            (
                &["throttle", "5Mbit", "--for", "4000d"],
                "the longest is 3650d",
            ),
            (
                &["throttle", "5Mbit", "--until", "2020-01-01"],
                "which has passed: it is ",
            ),
            (
                &["throttle", "5Mbit", "--until", "9999-12-31"],
                "the latest is ten years from now",
            ),
            (
                &["throttle", "5Mbit", "--until", "soon"],
                "write a time of day like 18:00",
            ),
            (
                &["override", "--add", "-5GB"],
                "a top-up cannot be negative, nor taken back",
            ),
            (&["override", "--add", "--clear"], "must follow --add"),
            (&["correct"], "--used <AMOUNT>"),
            (&["correct", "--used", "73.2"], "`73.2` has no unit"),
            (&["correct", "--used", "-1GB"], "is negative"),
            (&["correct", "--used", "2000 PB"], "the most is 1 EB"),
            (
                &["override", "--add", "10"],
                "`10` has no unit (write \"10 GB\"",
            ),
            (&["override", "--add", "2 PB"], "the most at once is 1 PB"),
            (&["override", "--add", "0 B"], "the least is 1 B"),
            (&["override", "--force"], "--rate <RATE>"),
            (
                &["override", "--clear", "--add", "1GB"],
                "cannot be used with",
            ),
            (
                &["override", "--reason", "a\u{1b}[2J"],
                "control characters",
            ),
        ] {
            let told = refused(words);
            assert!(told.contains(what), "{words:?}: {told}");
        }
        let long = "x".repeat(201);
        let told = refused(&["override", "--reason", &long]);
        assert!(told.contains("at most 200 bytes, and it has 201"), "{told}");
    }

    #[test]
    fn rates_are_bits_and_amounts_are_bytes() {
        let words = [
            "bwflowctl",
            "throttle",
            "5 Mbit/s",
            "--for",
            "1h30m",
            "-i",
            "wan0",
        ];
        let Command::Throttle(throttle) = Args::try_parse_from(words).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(throttle.rate, Some(625_000));
        assert_eq!(throttle.terms.duration, Some(Duration::from_secs(5_400)));
        assert_eq!(throttle.call.interface.as_deref(), Some("wan0"));
        let words = [
            "bwflowctl",
            "override",
            "--add",
            "10GB",
            "--reason",
            " why ",
        ];
        let Command::Override(lift) = Args::try_parse_from(words).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(lift.add, Some(10_000_000_000));
        assert_eq!(lift.terms.reason.as_deref(), Some("why"));
    }

    /// The commands that a person is shown, in words as a shell would part them.
    fn shown() -> Vec<Vec<String>> {
        let rule = include_str!("../../../polkit/50-bwflow-example.rules");
        let lines = [
            THROTTLE_HELP,
            OVERRIDE_HELP,
            CORRECT_HELP,
            crate::args::HELP,
            rule,
        ];
        let lines = lines.iter().flat_map(|text| text.lines());
        let commands = lines.filter_map(|line| {
            let line = line.trim_start_matches("//").trim();
            let line = line.split("  ").next()?;
            let is_verb = ["throttle", "override", "correct"]
                .iter()
                .any(|verb| line.starts_with(&format!("bwflowctl {verb} ")));
            is_verb.then(|| words(line))
        });
        commands.collect()
    }

    fn words(line: &str) -> Vec<String> {
        let quoted = line.split('\'').enumerate().flat_map(|(n, part)| {
            if n % 2 == 1 {
                vec![part]
            } else {
                part.split_whitespace().collect()
            }
        });
        quoted.map(str::to_owned).collect()
    }

    #[test]
    fn every_command_that_is_shown_is_right() {
        let shown = shown();
        assert!(shown.len() > 9, "{shown:?}");
        for words in shown {
            assert!(Args::try_parse_from(&words).is_ok(), "{words:?}");
            // A day that is written out will have passed.
            let is_day = |word: &String| word.starts_with("20") && word.contains('-');
            assert!(!words.iter().any(is_day), "{words:?}");
        }
    }

    #[test]
    fn an_end_lies_ahead_and_not_too_far() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let at = |text: &str| ahead(text.parse().unwrap(), now, &TimeZone::UTC);
        assert_eq!(
            at("2026-11-22T11:59:30Z").unwrap_err(),
            "that is 2026-11-22 11:59:30 UTC, which has passed: it is 2026-11-22 12:00:00 UTC now"
        );
        assert!(at("2026-11-22T12:00:00Z").is_err());
        assert!(at("2026-11-22T12:00:01Z").is_ok());
        assert!(at("2036-11-01T00:00:00Z").is_ok());
        assert_eq!(at("2037-01-01T00:00:00Z").unwrap_err(), TOO_FAR);
    }
}

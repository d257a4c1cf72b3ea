//! Instants as they cross the bus, made readable.

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// RFC 3339 in UTC; `None` for 0, which stands for "never", and for what no calendar holds.
pub(crate) fn rfc3339(usec: u64) -> Option<String> {
    instant(usec).map(|time| time.to_string())
}

/// What is said of an end that lies too far ahead.
pub(crate) const TOO_FAR: &str = "the latest is ten years from now (leave it out for no end)";

/// Microseconds before an end from which its seconds are of interest.
const NEAR: u64 = 120_000_000;

/// `2026-11-22 14:03 CET` in a time zone; `-` for 0.
pub(crate) fn local(usec: u64, zone: &TimeZone) -> String {
    shown(usec, zone, "%Y-%m-%d %H:%M %Z")
}

/// As [`local`], with seconds if it is less than two minutes from `now_usec`.
pub(crate) fn end(usec: u64, zone: &TimeZone, now_usec: u64) -> String {
    if usec.abs_diff(now_usec) < NEAR {
        shown(usec, zone, "%Y-%m-%d %H:%M:%S %Z")
    } else {
        local(usec, zone)
    }
}

/// Microseconds since 1970, as instants cross the bus.
pub(crate) fn now_usec() -> u64 {
    u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default()
}

/// As [`local`] without the year: `11-22 14:03 CET`.
pub(crate) fn in_year(usec: u64, zone: &TimeZone) -> String {
    shown(usec, zone, "%m-%d %H:%M %Z")
}

/// A day in a time zone, by a `format` as `strftime(3)` has it; `-` for 0.
pub(crate) fn local_day(usec: u64, zone: &TimeZone, format: &str) -> String {
    shown(usec, zone, format)
}

/// The edge of a period, which is a midnight as a rule: `11-01 CET`.
fn edge(usec: u64, zone: &TimeZone) -> String {
    let local = instant(usec).map(|time| time.to_zoned(zone.clone()).time());
    if local.is_some_and(|time| time == Time::midnight()) {
        shown(usec, zone, "%m-%d %Z")
    } else {
        in_year(usec, zone)
    }
}

/// `11-01 to 12-01 UTC`; both edges with their zone when it is not the same.
pub(crate) fn span(start_usec: u64, end_usec: u64, zone: &TimeZone) -> String {
    let (start, end) = (edge(start_usec, zone), edge(end_usec, zone));
    let (day, label) = start.rsplit_once(' ').unwrap_or((&start, ""));
    match end.rsplit_once(' ') {
        Some((_, end_label)) if end_label == label => format!("{day} to {end}"),
        _ => format!("{start} to {end}"),
    }
}

fn shown(usec: u64, zone: &TimeZone, format: &str) -> String {
    instant(usec).map_or_else(
        || "-".to_owned(),
        |time| time.to_zoned(zone.clone()).strftime(format).to_string(),
    )
}

/// The zone of that name; UTC for a name this machine does not know.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn instant(usec: u64) -> Option<Timestamp> {
    let usec = i64::try_from(usec).ok().filter(|usec| *usec > 0)?;
    Timestamp::from_microsecond(usec).ok()
}

/// Reads an instant: RFC 3339, or a date, or a date and time of day in `zone`, or a time of day
/// alone, which is the next one after `now`.
///
/// # Errors
/// How to write it instead, also for a time of day that the change of clocks leaves out or
/// brings twice.
pub(crate) fn parse_instant(
    text: &str,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let today = now.to_zoned(zone.clone()).date();
    if is_time_of_day(text) {
        let time = time_of_day(text)?;
        let at = instant_of(today.to_datetime(time), zone)?;
        if at > now {
            return Ok(at);
        }
        let tomorrow = today.tomorrow().map_err(|error| error.to_string())?;
        return instant_of(tomorrow.to_datetime(time), zone);
    }
    let (day, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    if is_day(day) {
        let Ok(date) = day.parse::<Date>() else {
            return Err(format!("there is no day {day}"));
        };
        let end = time.find(|c: char| !c.is_ascii_digit() && c != ':');
        let time = &time[..end.unwrap_or(time.len())];
        if is_time_of_day(time) {
            time_of_day(time)?;
        }
        // The last days that can be written have no instant in every time zone.
        if date.year() > today.year().saturating_add(10) {
            return Err(TOO_FAR.to_owned());
        }
    }
    // A zone in brackets would be passed over.
    let time: Option<DateTime> = text.parse().ok().filter(|_| !text.contains('['));
    time.map_or_else(|| Err(forms(today)), |time| instant_of(time, zone))
}

/// `18:00`, `9:05:30`, and what looks like it: `25:00`.
fn is_time_of_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_number =
        |part: &&str| matches!(part.len(), 1 | 2) && part.chars().all(|c| c.is_ascii_digit());
    matches!(parts.len(), 2 | 3) && parts.iter().all(is_number)
}

fn time_of_day(text: &str) -> Result<Time, String> {
    let none = || match text {
        "24:00" | "24:00:00" => "there is no time of day 24:00: midnight is 00:00".to_owned(),
        _ => format!("there is no time of day {text}"),
    };
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let mut next = || parts.next().unwrap_or(Some(0)).ok_or_else(none);
    Time::new(next()?, next()?, next()?, 0).map_err(|_| none())
}

/// `2026-12-01`, and what looks like it: `2026-02-30`.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.into_iter().all(is_digits)
}

/// How an instant may be written, by the example of tomorrow.
fn forms(today: Date) -> String {
    let day = today.checked_add(1.day()).unwrap_or(today);
    format!(
        "write a time of day like 18:00 (the next), a date and time like '{day} 18:00', a date \
         like {day} (its first instant), or RFC 3339 like {day}T18:00:00Z"
    )
}

/// The one instant at which the clocks of `zone` show that time.
fn instant_of(time: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    // A day that does not begin at midnight begins at its first instant.
    let is_day = time.time() == Time::midnight();
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } if !is_day => Err(
            "the clocks are put forward then, and that time is left out; say an earlier or a \
             later one"
                .to_owned(),
        ),
        AmbiguousOffset::Fold { after, .. } if !is_day => {
            let meant = after
                .to_timestamp(time)
                .map_err(|error| error.to_string())?;
            Err(format!(
                "the clocks are put back then, and that time comes twice; say which is meant, \
                 like {}",
                meant.display_with_offset(after)
            ))
        }
        _ => ambiguous.compatible().map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn instants_are_shown_in_utc_and_in_their_zone() {
        let usec = 1_795_305_600_000_000;
        assert_eq!(rfc3339(usec).as_deref(), Some("2026-11-22T00:00:00Z"));
        assert_eq!(local(usec, &TimeZone::UTC), "2026-11-22 00:00 UTC");
        let berlin = zone("Europe/Berlin");
        assert_eq!(local(usec, &berlin), "2026-11-22 01:00 CET");
        assert_eq!(in_year(usec, &berlin), "11-22 01:00 CET");
        assert_eq!(local(usec, &zone("Middle/Earth")), "2026-11-22 00:00 UTC");
        assert_eq!(in_year(usec, &TimeZone::UTC), "11-22 00:00 UTC");
    }

    #[test]
    fn an_end_that_is_near_has_seconds() {
        let usec = 1_795_305_600_000_000;
        let at = |now| end(usec, &TimeZone::UTC, now);
        assert_eq!(at(usec - 119_000_000), "2026-11-22 00:00:00 UTC");
        assert_eq!(at(usec - 120_000_000), "2026-11-22 00:00 UTC");
        assert_eq!(at(0), "2026-11-22 00:00 UTC");
    }

    #[test]
    fn a_span_names_its_zone_once_or_both_where_the_clock_changes() {
        let october = 1_790_805_600_000_000;
        let november = 1_793_487_600_000_000;
        let december = 1_796_079_600_000_000;
        let berlin = zone("Europe/Berlin");
        assert_eq!(span(november, december, &berlin), "11-01 to 12-01 CET");
        assert_eq!(span(october, november, &berlin), "10-01 CEST to 11-01 CET");
        assert_eq!(span(0, november, &berlin), "- to 11-01 CET");
    }

    #[test]
    fn never_and_nonsense_are_no_instants() {
        assert_eq!(rfc3339(0), None);
        assert_eq!(rfc3339(u64::MAX), None);
        assert_eq!(local(0, &TimeZone::UTC), "-");
        assert_eq!(local(u64::MAX, &TimeZone::UTC), "-");
    }

    #[test]
    fn instants_are_read_in_their_zone_and_never_guessed() {
        let berlin = zone("Europe/Berlin");
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let read = |text: &str| parse_instant(text, &berlin, now).map(|time| time.to_string());
        for (text, time) in [
            ("2026-12-01", "2026-11-30T23:00:00Z"),
            ("2026-12-01 18:00", "2026-12-01T17:00:00Z"),
            (" 2026-12-01T18:00:30 ", "2026-12-01T17:00:30Z"),
            ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
            ("2026-12-01 18:00:00+02:00", "2026-12-01T16:00:00Z"),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
            // It is 13:00 in Berlin.
            ("18:00", "2026-11-22T17:00:00Z"),
            ("13:00:01", "2026-11-22T12:00:01Z"),
            ("13:00", "2026-11-23T12:00:00Z"),
            ("9:05", "2026-11-23T08:05:00Z"),
            ("00:00", "2026-11-22T23:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(time), "{text}");
        }
        for (text, told) in [
            (
                "2026-10-25 02:30",
                "the clocks are put back then, and that time comes twice; say which is meant, \
                 like 2026-10-25T02:30:00+01:00",
            ),
            (
                "2026-03-29 02:30",
                "the clocks are put forward then, and that time is left out; say an earlier or a \
                 later one",
            ),
            ("2026-13-01", "there is no day 2026-13-01"),
            ("2026-02-30", "there is no day 2026-02-30"),
            ("2026-02-30T10:00:00Z", "there is no day 2026-02-30"),
            ("25:00", "there is no time of day 25:00"),
            ("12:60", "there is no time of day 12:60"),
            ("24:00", "there is no time of day 24:00: midnight is 00:00"),
            ("2026-12-01 25:00", "there is no time of day 25:00"),
            ("2026-12-01T25:00:00Z", "there is no time of day 25:00:00"),
            ("9999-12-31", TOO_FAR),
            ("9999-12-31T23:59:59Z", TOO_FAR),
        ] {
            assert_eq!(read(text).unwrap_err(), told, "{text}");
        }
        for text in [
            "",
            "soon",
            "18",
            "1.12.2026",
            "2026-12-01 soon",
            "2026-12-01 18:00[Asia/Tokyo]",
        ] {
            let told = read(text).unwrap_err();
            assert!(
                told.starts_with("write a time of day like 18:00 (the next), a date and time like")
                    && told.contains("'2026-11-23 18:00'"),
                "{text}: {told}"
            );
        }
    }
}

//! Instants as they cross the bus, made readable.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// RFC 3339 in UTC; `None` for 0, which stands for "never", and for what no calendar holds.
pub(crate) fn rfc3339(usec: u64) -> Option<String> {
    instant(usec).map(|time| time.to_string())
}

/// `2026-11-22 14:03 CET` in a time zone, `2026-11-22 CET` at midnight; `-` for 0.
pub(crate) fn local(usec: u64, zone: &TimeZone) -> String {
    shown(usec, zone, "%Y-%m-%d %H:%M %Z", "%Y-%m-%d %Z")
}

/// As [`local`] without the year: `11-22 14:03 CET`.
pub(crate) fn in_year(usec: u64, zone: &TimeZone) -> String {
    shown(usec, zone, "%m-%d %H:%M %Z", "%m-%d %Z")
}

/// `11-01 to 12-01 UTC`; both edges with their zone when it is not the same.
pub(crate) fn span(start_usec: u64, end_usec: u64, zone: &TimeZone) -> String {
    let (start, end) = (in_year(start_usec, zone), in_year(end_usec, zone));
    let (day, label) = start.rsplit_once(' ').unwrap_or((&start, ""));
    match end.rsplit_once(' ') {
        Some((_, end_label)) if end_label == label => format!("{day} to {end}"),
        _ => format!("{start} to {end}"),
    }
}

fn shown(usec: u64, zone: &TimeZone, format: &str, at_midnight: &str) -> String {
    let Some(time) = instant(usec) else {
        return "-".to_owned();
    };
    let time = time.to_zoned(zone.clone());
    let is_midnight = time.hour() == 0 && time.minute() == 0 && time.second() == 0;
    let format = if is_midnight { at_midnight } else { format };
    time.strftime(format).to_string()
}

/// The zone of that name; UTC for a name this machine does not know.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn instant(usec: u64) -> Option<Timestamp> {
    let usec = i64::try_from(usec).ok().filter(|usec| *usec > 0)?;
    Timestamp::from_microsecond(usec).ok()
}

/// Reads an instant: RFC 3339, or a date, or a date and time of day in `zone`.
///
/// # Errors
/// How to write it instead, also for a time of day that the change of clocks leaves out or
/// brings twice.
pub(crate) fn parse_instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let refused = "write a date and time like '2026-12-01 18:00', a date like 2026-12-01 (its \
                   first instant), or RFC 3339 like 2026-12-01T18:00:00Z";
    // A zone in brackets would be passed over.
    let time: Option<DateTime> = text.parse().ok().filter(|_| !text.contains('['));
    let time = time.ok_or(refused)?;
    let ambiguous = zone.to_ambiguous_timestamp(time);
    if ambiguous.is_ambiguous() && time.time() != Time::midnight() {
        return Err(
            "the clocks are changed then; say which is meant, like 2026-10-25T02:30:00+01:00"
                .to_owned(),
        );
    }
    // A day that does not begin at midnight begins at its first instant.
    ambiguous.compatible().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn instants_are_shown_in_utc_and_in_their_zone() {
        let usec = 1_795_305_600_000_000;
        assert_eq!(rfc3339(usec).as_deref(), Some("2026-11-22T00:00:00Z"));
        assert_eq!(local(usec, &TimeZone::UTC), "2026-11-22 UTC");
        let berlin = zone("Europe/Berlin");
        assert_eq!(local(usec, &berlin), "2026-11-22 01:00 CET");
        assert_eq!(in_year(usec, &berlin), "11-22 01:00 CET");
        assert_eq!(local(usec, &zone("Middle/Earth")), "2026-11-22 UTC");
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
        let read = |text: &str| parse_instant(text, &berlin).map(|time| time.to_string());
        for (text, time) in [
            ("2026-12-01", "2026-11-30T23:00:00Z"),
            ("2026-12-01 18:00", "2026-12-01T17:00:00Z"),
            (" 2026-12-01T18:00:30 ", "2026-12-01T17:00:30Z"),
            ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
            ("2026-12-01 18:00:00+02:00", "2026-12-01T16:00:00Z"),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(time), "{text}");
        }
        // Twice, and never.
        for text in ["2026-10-25 02:30", "2026-03-29 02:30"] {
            let told = parse_instant(text, &berlin).unwrap_err();
            assert!(told.contains("say which is meant"), "{told}");
        }
        for text in [
            "",
            "soon",
            "18:00",
            "2026-13-01",
            "1.12.2026",
            "2026-12-01 25:00",
            "2026-12-01 18:00[Asia/Tokyo]",
        ] {
            let told = parse_instant(text, &berlin).unwrap_err();
            assert!(
                told.starts_with("write a date and time like"),
                "{text}: {told}"
            );
        }
    }
}

//! Instants as they cross the bus, made readable.

use jiff::Timestamp;
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

#[cfg(test)]
mod tests {
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
}

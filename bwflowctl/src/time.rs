//! Instants as they cross the bus, made readable.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// RFC 3339 in UTC; `None` for 0, which stands for "never", and for what no calendar holds.
pub(crate) fn rfc3339(usec: u64) -> Option<String> {
    instant(usec).map(|time| time.to_string())
}

/// `2026-11-22 14:03` in a time zone, `2026-11-22` at midnight; `-` for 0.
pub(crate) fn local(usec: u64, zone: &TimeZone) -> String {
    let Some(time) = instant(usec) else {
        return "-".to_owned();
    };
    let time = time.to_zoned(zone.clone());
    let is_midnight = time.hour() == 0 && time.minute() == 0 && time.second() == 0;
    let format = if is_midnight {
        "%Y-%m-%d"
    } else {
        "%Y-%m-%d %H:%M"
    };
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
        assert_eq!(local(usec, &TimeZone::UTC), "2026-11-22");
        assert_eq!(local(usec, &zone("Europe/Berlin")), "2026-11-22 01:00");
        assert_eq!(local(usec, &zone("Middle/Earth")), "2026-11-22");
    }

    #[test]
    fn never_and_nonsense_are_no_instants() {
        assert_eq!(rfc3339(0), None);
        assert_eq!(rfc3339(u64::MAX), None);
        assert_eq!(local(0, &TimeZone::UTC), "-");
        assert_eq!(local(u64::MAX, &TimeZone::UTC), "-");
    }
}

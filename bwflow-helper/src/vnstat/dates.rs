//! vnStat's dates: text without a zone, in its host's local time or, with `UseUTC`, in UTC.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

/// How long the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// `fiveminute`.
    FiveMinutes,
    /// `hour`.
    Hour,
    /// `day`.
    Day,
    /// `month`, which begins on `MonthRotate` but is dated on the first.
    Month,
}

impl Grain {
    fn span(self) -> Span {
        match self {
            Self::FiveMinutes => 5.minutes(),
            Self::Hour => 1.hour(),
            Self::Day => 1.day(),
            Self::Month => 1.month(),
        }
    }

    /// Whether vnStat dates a row so.
    fn holds(self, dated: DateTime) -> bool {
        let (minute, rest) = (dated.minute(), (dated.second(), dated.subsec_nanosecond()));
        let is_midnight = (dated.hour(), minute) == (0, 0);
        rest == (0, 0)
            && match self {
                Self::FiveMinutes => minute % 5 == 0,
                Self::Hour => minute == 0,
                Self::Day => is_midnight,
                Self::Month => is_midnight && dated.day() == 1,
            }
    }
}

/// Reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dates {
    zone: TimeZone,
    month_rotate: i8,
}

impl Dates {
    /// `month_rotate` is the day vnStat's months begin on, 1..=28.
    pub const fn new(zone: TimeZone, month_rotate: i8) -> Self {
        Self { zone, month_rotate }
    }

    /// The instant of a date with or without a time, microseconds since the Unix epoch. An hour
    /// that comes twice means its first time: vnStat adds both up in one row.
    pub fn instant(&self, text: &str) -> Option<i64> {
        self.to_usec(civil(text)?)
    }

    /// `[start, end)` of the row of this date; nothing if the table has no such rows.
    pub fn bounds(&self, text: &str, grain: Grain) -> Option<(i64, i64)> {
        let dated = civil(text).filter(|dated| grain.holds(*dated))?;
        let start = match grain {
            Grain::Month => dated
                .date()
                .with()
                .day(self.month_rotate)
                .build()
                .ok()?
                .to_datetime(jiff::civil::Time::midnight()),
            _ => dated,
        };
        let end = start.checked_add(grain.span()).ok()?;
        let (start, end) = (self.to_usec(start)?, self.to_usec(end)?);
        (start < end).then_some((start, end))
    }

    fn to_usec(&self, civil: DateTime) -> Option<i64> {
        let instant = self.zone.to_timestamp(civil).ok()?;
        Some(instant.as_microsecond())
    }
}

fn civil(text: &str) -> Option<DateTime> {
    let text = text.trim();
    match text.len() {
        10 => Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)),
        16 => format!("{text}:00").parse().ok(),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;

    use super::*;

    fn dates(zone: &str) -> Dates {
        Dates::new(TimeZone::get(zone).unwrap(), 1)
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[track_caller]
    fn row_is(dates: &Dates, text: &str, grain: Grain, start: &str, end: &str) {
        assert_eq!(dates.bounds(text, grain), Some((at(start), at(end))));
    }

    #[test]
    fn every_table_s_dates_are_read() {
        let utc = dates("UTC");
        row_is(
            &utc,
            "2026-11-22 11:20:00",
            Grain::FiveMinutes,
            "2026-11-22T11:20:00Z",
            "2026-11-22T11:25:00Z",
        );
        row_is(
            &utc,
            "2026-11-22 11:00:00",
            Grain::Hour,
            "2026-11-22T11:00:00Z",
            "2026-11-22T12:00:00Z",
        );
        row_is(
            &utc,
            "2026-11-22",
            Grain::Day,
            "2026-11-22T00:00:00Z",
            "2026-11-23T00:00:00Z",
        );
        row_is(
            &utc,
            "2026-02-01",
            Grain::Month,
            "2026-02-01T00:00:00Z",
            "2026-03-01T00:00:00Z",
        );
        assert_eq!(
            utc.instant("2026-11-22 11:22:22"),
            Some(at("2026-11-22T11:22:22Z"))
        );
        for nonsense in ["", "yesterday", "2026-13-01", "2026-11-22 25:00:00"] {
            assert_eq!(utc.bounds(nonsense, Grain::Day), None, "{nonsense}");
        }
    }

    #[test]
    fn dates_between_the_rows_are_none() {
        let utc = dates("UTC");
        for (grain, text) in [
            (Grain::FiveMinutes, "2026-11-22 11:21:00"),
            (Grain::FiveMinutes, "2026-11-22 11:20:01"),
            (Grain::Hour, "2026-11-22 11:20:00"),
            (Grain::Hour, "2026-11-22 11:00:10"),
            (Grain::Day, "2026-11-22 01:00:00"),
            (Grain::Month, "2026-11-02"),
        ] {
            assert_eq!(utc.bounds(text, grain), None, "{grain:?} {text}");
        }
    }

    #[test]
    fn a_month_that_rotates_on_another_day_begins_on_it() {
        let rotated = Dates::new(TimeZone::UTC, 7);
        row_is(
            &rotated,
            "2026-02-01",
            Grain::Month,
            "2026-02-07T00:00:00Z",
            "2026-03-07T00:00:00Z",
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_one_row_of_two_hours() {
        // Berlin's clocks went back from 03:00 to 02:00 on 2026-10-25.
        let berlin = dates("Europe/Berlin");
        row_is(
            &berlin,
            "2026-10-25 01:00:00",
            Grain::Hour,
            "2026-10-24T23:00:00Z",
            "2026-10-25T00:00:00Z",
        );
        row_is(
            &berlin,
            "2026-10-25 02:00:00",
            Grain::Hour,
            "2026-10-25T00:00:00Z",
            "2026-10-25T02:00:00Z",
        );
        row_is(
            &berlin,
            "2026-10-25",
            Grain::Day,
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
        );
    }

    #[test]
    fn an_hour_that_never_was_ends_where_the_next_begins() {
        // They went forward from 02:00 to 03:00 on 2026-03-29.
        let berlin = dates("Europe/Berlin");
        row_is(
            &berlin,
            "2026-03-29 01:00:00",
            Grain::Hour,
            "2026-03-29T00:00:00Z",
            "2026-03-29T01:00:00Z",
        );
        row_is(
            &berlin,
            "2026-03-29 03:00:00",
            Grain::Hour,
            "2026-03-29T01:00:00Z",
            "2026-03-29T02:00:00Z",
        );
    }
}

#![allow(clippy::unwrap_used)]
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::period::Calendar;
use crate::vnstat::dates::{Dates, Grain};

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

fn bytes(tx: u64) -> Counters {
    Counters { tx, rx: 2 * tx }
}

/// Rows of a vnStat in UTC: `(date, tx)`.
fn table(zone: &str, grain: Grain, rows: &[(&str, u64)]) -> Vec<Stretch> {
    let dates = Dates::new(TimeZone::get(zone).unwrap(), 1);
    let row = |(date, tx): &(&str, u64)| {
        let (start_usec, end_usec) = dates.bounds(date, grain).unwrap();
        Stretch {
            start_usec,
            end_usec,
            bytes: bytes(*tx),
        }
    };
    rows.iter().map(row).collect()
}

/// `(start, tx)` of each.
fn shown(stretches: &[Stretch]) -> Vec<(String, u64)> {
    let start = |usec| Timestamp::from_microsecond(usec).unwrap().to_string();
    let rows = stretches.iter();
    rows.map(|row| (start(row.start_usec), row.bytes.tx))
        .collect()
}

fn are(stretches: &[Stretch], expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(start, tx)| ((*start).to_owned(), *tx))
        .collect();
    assert_eq!(shown(stretches), expected);
    let apart = |pair: &[Stretch]| pair[0].end_usec <= pair[1].start_usec;
    assert!(stretches.windows(2).all(apart), "{stretches:?}");
}

/// A vnStat that was installed on 20 October; its hours reach back two days, and it wrote last at
/// 11:20 on 22 November.
fn rows() -> Rows {
    let mut hours = table(
        "UTC",
        Grain::Hour,
        &[
            ("2026-11-20 22:00:00", 20),
            ("2026-11-20 23:00:00", 40),
            ("2026-11-21 07:00:00", 300),
            ("2026-11-22 10:00:00", 1000),
            ("2026-11-22 11:00:00", 2000),
        ],
    );
    hours[4].end_usec = at("2026-11-22T11:20:00Z");
    let mut days = table(
        "UTC",
        Grain::Day,
        &[
            ("2026-10-20", 4),
            ("2026-10-31", 3),
            ("2026-11-01", 5),
            ("2026-11-15", 15),
            ("2026-11-20", 100),
            ("2026-11-21", 300),
            ("2026-11-22", 3000),
        ],
    );
    days[6].end_usec = at("2026-11-22T11:20:00Z");
    let mut months = table(
        "UTC",
        Grain::Month,
        &[("2026-10-01", 7), ("2026-11-01", 3420)],
    );
    months[1].end_usec = at("2026-11-22T11:20:00Z");
    Rows {
        five_minutes: Vec::new(),
        hours,
        days,
        months,
    }
}

#[test]
fn the_finest_rows_that_there_are_cover_each_time_once() {
    let finest = rows().finest(0);
    are(
        &finest,
        &[
            ("2026-10-20T00:00:00Z", 4),
            ("2026-10-31T00:00:00Z", 3),
            ("2026-11-01T00:00:00Z", 5),
            ("2026-11-15T00:00:00Z", 15),
            // What of this day is older than the hours.
            ("2026-11-20T00:00:00Z", 40),
            ("2026-11-20T22:00:00Z", 20),
            ("2026-11-20T23:00:00Z", 40),
            ("2026-11-21T07:00:00Z", 300),
            ("2026-11-22T10:00:00Z", 1000),
            ("2026-11-22T11:00:00Z", 2000),
        ],
    );
    assert_eq!(sum(&finest).tx, 3427);
}

#[test]
fn what_a_finer_table_lacks_is_not_lost() {
    let mut rows = rows();
    rows.hours[2].bytes.tx = 299;
    rows.days[2].bytes.tx = 3;
    rows.hours[3].start_usec = at("2026-11-22T00:00:00Z");
    rows.hours[3].bytes.tx = 950;
    let finest = rows.finest(0);
    let shown = shown(&finest);
    assert!(
        shown.contains(&("2026-11-21T00:00:00Z".to_owned(), 1)),
        "{shown:?}"
    );
    // The month's 2 missing bytes and the day's 50.
    assert!(
        shown.contains(&("2026-11-22T11:00:00Z".to_owned(), 2052)),
        "{shown:?}"
    );
    assert_eq!(sum(&finest).tx, 3427);
}

#[test]
fn days_that_no_month_holds_are_kept() {
    let mut rows = rows();
    rows.months.clear();
    assert_eq!(sum(&rows.finest(0)).tx, 3427);
}

#[test]
fn an_hour_in_which_a_period_begins_is_divided_by_five_minutes() {
    let mut rows = rows();
    rows.five_minutes = table(
        "UTC",
        Grain::FiveMinutes,
        &[("2026-11-22 10:10:00", 400), ("2026-11-22 10:15:00", 600)],
    );
    let finest = rows.finest(at("2026-11-22T10:15:00Z"));
    let shown = shown(&finest);
    assert!(
        shown.contains(&("2026-11-22T10:15:00Z".to_owned(), 600)),
        "{shown:?}"
    );
    assert!(
        shown.contains(&("2026-11-22T11:00:00Z".to_owned(), 2000)),
        "{shown:?}"
    );
}

/// Used in the period that holds noon of 22 November, by what was before 11:25 that day.
fn used(day: i8, zone: &str, rows: &Rows) -> u64 {
    let noon = at("2026-11-22T12:00:00Z");
    let period = Calendar::new(day, TimeZone::get(zone).unwrap()).containing(noon);
    let tail = Tail {
        start_usec: at("2026-11-22T11:20:00Z"),
        end_usec: at("2026-11-22T11:25:00Z"),
        bytes: bytes(10_000),
    };
    let finest = rows.finest(period.start_usec);
    let past = before(&finest, tail, tail.end_usec, &period, |_| {
        Counters::default()
    });
    assert!(past.iter().all(|row| row.end_usec <= tail.end_usec));
    let inside: Vec<_> = past
        .into_iter()
        .filter(|row| period.contains(row.start_usec))
        .collect();
    sum(&inside).tx
}

#[test]
fn an_installation_in_mid_month_begins_with_what_was_used_for_every_billing_day() {
    let rows = rows();
    assert_eq!(used(1, "UTC", &rows), 3420 + 10_000);
    assert_eq!(used(15, "UTC", &rows), 3415 + 10_000);
    // From 31 October on.
    assert_eq!(used(31, "UTC", &rows), 3423 + 10_000);
    assert_eq!(used(21, "UTC", &rows), 3300 + 10_000);
    assert_eq!(used(22, "UTC", &rows), 3000 + 10_000);
}

#[test]
fn another_zone_s_midnight_divides_a_day_by_its_hours() {
    // Midnight of the 21st is 23:00 of the 20th in UTC: the last hour of that day is in.
    assert_eq!(used(21, "Etc/GMT-1", &rows()), 40 + 3300 + 10_000);
}

#[test]
fn a_day_that_cannot_be_divided_counts_as_a_whole() {
    // Midnight of the 15th is 23:00 of the 14th; of the 16th, 23:00 of the 15th, of which there
    // are no hours any more.
    assert_eq!(used(16, "Etc/GMT-1", &rows()), 15 + 3400 + 10_000);
}

#[test]
fn of_a_link_that_was_seen_before_vnstat_was_only_the_time_before_counts() {
    let first_seen = at("2026-11-22T10:30:00Z");
    let period = Calendar::new(1, TimeZone::UTC).containing(first_seen);
    let tail = Tail {
        start_usec: at("2026-11-22T11:20:00Z"),
        end_usec: at("2026-11-22T11:25:00Z"),
        bytes: bytes(500),
    };
    let mut asked = Vec::new();
    let past = before(&rows().finest(0), tail, first_seen, &period, |to| {
        asked.push(to);
        bytes(600)
    });
    // Of the hour of the first sight, 1000 less our own 600.
    assert_eq!(asked, [at("2026-11-22T11:00:00Z")]);
    assert_eq!(past.last().unwrap().bytes.tx, 400);
    assert_eq!(past.last().unwrap().end_usec, first_seen);
    assert_eq!(sum(&past).tx, 3427 - 2000 - 600);
}

#[test]
fn when_vnstat_wrote_after_the_first_sight_the_tail_is_compared_with_its_row() {
    let first_seen = at("2026-11-22T11:10:00Z");
    let period = Calendar::new(1, TimeZone::UTC).containing(first_seen);
    let tail = Tail {
        start_usec: at("2026-11-22T11:20:00Z"),
        end_usec: at("2026-11-22T11:25:00Z"),
        bytes: bytes(500),
    };
    // 1200 of the row were moved after the first sight, and the whole tail.
    let past = before(&rows().finest(0), tail, first_seen, &period, |to| {
        assert_eq!(to, tail.end_usec);
        bytes(1700)
    });
    assert_eq!(past.last().unwrap().bytes.tx, 800);
}

#[test]
fn a_vnstat_that_knows_nothing_yet_has_only_the_tail() {
    let period = Calendar::new(1, TimeZone::UTC).containing(1000);
    let tail = Tail {
        start_usec: 10,
        end_usec: 20,
        bytes: bytes(5),
    };
    let past = before(&[], tail, 20, &period, |_| Counters::default());
    assert_eq!(past.len(), 1);
    assert_eq!(
        (past[0].start_usec, past[0].end_usec, past[0].bytes.tx),
        (10, 20, 5)
    );
    let none = before(&[], Tail::default(), 20, &period, |_| Counters::default());
    assert_eq!(none, []);
}

/// What is charged of rows and a tail of 500 bytes at 11:25.
fn with_tail(rows: Rows) -> u64 {
    let now = at("2026-11-22T11:25:00Z");
    let period = Calendar::new(1, TimeZone::UTC).containing(now);
    let tail = Tail {
        start_usec: at("2026-11-22T11:20:00Z"),
        end_usec: now,
        bytes: bytes(500),
    };
    let finest = rows.begun_at(tail.start_usec).finest(period.start_usec);
    sum(&before(&finest, tail, now, &period, |_| {
        Counters::default()
    }))
    .tx
}

#[test]
fn rows_of_times_to_come_do_not_take_the_tail_along() {
    let all = with_tail(rows());
    assert_eq!(all, 3427 + 500);
    for (grain, date) in [
        (Grain::FiveMinutes, "2026-11-22 14:00:00"),
        (Grain::Hour, "2026-11-22 14:00:00"),
        (Grain::Day, "2026-11-25"),
        (Grain::Month, "2026-12-01"),
        (Grain::Day, "2999-01-01"),
    ] {
        let mut rows = rows();
        let row = table("UTC", grain, &[(date, 1)]);
        match grain {
            Grain::FiveMinutes => rows.five_minutes.extend(row),
            Grain::Hour => rows.hours.extend(row),
            Grain::Day => rows.days.extend(row),
            Grain::Month => rows.months.extend(row),
        }
        assert_eq!(with_tail(rows), all, "{date}");
    }
}

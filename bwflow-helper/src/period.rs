//! Billing periods: from one billing day's first instant to the next one's.

use bwflow_proto::config::Link;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The years in which every civil date and its neighbours can be represented.
const FIRST_MONTH: i32 = -9000 * 12;
const LAST_MONTH: i32 = 9990 * 12;

/// `[start, end)` in microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Period {
    /// First instant of the period.
    pub start_usec: i64,
    /// First instant of the next period.
    pub end_usec: i64,
}

impl Period {
    /// Whether the instant falls in the period.
    pub const fn contains(&self, usec: i64) -> bool {
        self.start_usec <= usec && usec < self.end_usec
    }

    /// Length in microseconds, at least 1.
    pub fn length_usec(&self) -> u64 {
        u64::try_from(self.end_usec - self.start_usec).map_or(1, |length| length.max(1))
    }

    /// Microseconds from the start to an instant, which is first moved into the period.
    pub fn elapsed_usec(&self, usec: i64) -> u64 {
        let inside = usec.clamp(self.start_usec, self.end_usec);
        u64::try_from(inside - self.start_usec).unwrap_or(0)
    }

    /// Microseconds from an instant to the end; the instant is first moved into the period.
    pub fn rest_usec(&self, usec: i64) -> u64 {
        self.length_usec() - self.elapsed_usec(usec).min(self.length_usec())
    }
}

/// When the periods of a link begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    billing_day: i8,
    zone: TimeZone,
}

impl Calendar {
    /// Periods begin at the first instant of `billing_day` (1..=31, clamped to the month's last
    /// day) in `zone`.
    pub const fn new(billing_day: i8, zone: TimeZone) -> Self {
        Self { billing_day, zone }
    }

    /// The calendar of a configured link.
    pub fn of(link: &Link) -> Self {
        Self::new(link.billing_day, link.timezone.clone())
    }

    /// The period an instant falls in.
    pub fn containing(&self, usec: i64) -> Period {
        let date = self.date(usec);
        let month = (i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
            .clamp(FIRST_MONTH, LAST_MONTH);
        // The billing day of this month may still be ahead; and as the first instant of a day
        // may lie in another civil day's name (a skipped day), the neighbours are asked, too.
        let found = [month, month - 1, month + 1]
            .into_iter()
            .map(|month| self.of_month(month))
            .find(|period| period.contains(usec));
        found.unwrap_or_else(|| self.of_month(month))
    }

    /// The local day an instant falls in. Periods begin and end with days.
    pub fn day(&self, usec: i64) -> Period {
        let date = self.date(usec);
        // A clock that is put back over midnight brings the day before once more; by their first
        // instants the days are in order all the same.
        let neighbours = [Ok(date), date.yesterday(), date.tomorrow()];
        let found = neighbours
            .into_iter()
            .filter_map(Result::ok)
            .map(|date| Period {
                start_usec: self.midnight(Ok(date)),
                end_usec: self.midnight(date.tomorrow()),
            })
            .find(|day| day.contains(usec));
        found.unwrap_or(Period {
            start_usec: usec,
            end_usec: usec.saturating_add(1),
        })
    }

    /// The local date of an instant.
    fn date(&self, usec: i64) -> Date {
        let moment = Timestamp::from_microsecond(usec).unwrap_or(if usec < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        self.zone.to_datetime(moment).date()
    }

    /// The period that begins in a month, counted from January of year 0. Each edge is computed
    /// from its own month: adding months to clamped dates would drift from the 31st to the 28th.
    fn of_month(&self, month: i32) -> Period {
        Period {
            start_usec: self.first_instant(month),
            end_usec: self.first_instant(month + 1),
        }
    }

    /// The first instant of the billing day.
    fn first_instant(&self, month: i32) -> i64 {
        let year = i16::try_from(month.div_euclid(12)).unwrap_or(i16::MAX);
        let number = i8::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
        let first = Date::new(year, number, 1).unwrap_or(Date::MAX);
        let day = self.billing_day.clamp(1, first.days_in_month());
        self.midnight(Date::new(first.year(), first.month(), day))
    }

    /// The first instant of a day. Where midnight is skipped (DST) that is the instant the clocks
    /// jump to; where it comes twice, the earlier one.
    fn midnight(&self, date: Result<Date, jiff::Error>) -> i64 {
        date.and_then(|date| date.to_zoned(self.zone.clone()))
            .and_then(|zoned| zoned.start_of_day())
            .map_or(i64::MAX, |zoned| zoned.timestamp().as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn calendar(day: i8, zone: &str) -> Calendar {
        Calendar::new(day, TimeZone::get(zone).unwrap())
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[track_caller]
    fn period_is(calendar: &Calendar, now: &str, start: &str, end: &str) {
        let period = calendar.containing(at(now));
        let show = |usec| Timestamp::from_microsecond(usec).unwrap().to_string();
        assert_eq!(
            (show(period.start_usec), show(period.end_usec)),
            (start.to_owned(), end.to_owned())
        );
    }

    #[test]
    fn the_31st_is_clamped_to_each_months_last_day() {
        let c = calendar(31, "UTC");
        period_is(
            &c,
            "2026-02-10T00:00:00Z",
            "2026-01-31T00:00:00Z",
            "2026-02-28T00:00:00Z",
        );
        period_is(
            &c,
            "2026-02-28T00:00:00Z",
            "2026-02-28T00:00:00Z",
            "2026-03-31T00:00:00Z",
        );
        period_is(
            &c,
            "2024-02-29T00:00:00Z",
            "2024-02-29T00:00:00Z",
            "2024-03-31T00:00:00Z",
        );
        period_is(
            &c,
            "2026-04-30T12:00:00Z",
            "2026-04-30T00:00:00Z",
            "2026-05-31T00:00:00Z",
        );
    }

    #[test]
    fn days_29_and_30_in_common_and_leap_years() {
        for (day, year, last) in [
            (29, 2026, 28),
            (29, 2024, 29),
            (30, 2026, 28),
            (30, 2024, 29),
        ] {
            period_is(
                &calendar(day, "UTC"),
                &format!("{year}-03-01T00:00:00Z"),
                &format!("{year}-02-{last}T00:00:00Z"),
                &format!("{year}-03-{day}T00:00:00Z"),
            );
        }
        // 1900 was no leap year, 2000 was.
        period_is(
            &calendar(29, "UTC"),
            "2000-03-01T00:00:00Z",
            "2000-02-29T00:00:00Z",
            "2000-03-29T00:00:00Z",
        );
    }

    #[test]
    fn edges_belong_to_the_period_that_begins() {
        let c = calendar(1, "UTC");
        period_is(
            &c,
            "2025-12-31T23:59:59.999999Z",
            "2025-12-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
        );
        period_is(
            &c,
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
            "2026-02-01T00:00:00Z",
        );
    }

    #[test]
    fn berlin_gains_and_loses_its_hour_within_the_period() {
        let c = calendar(1, "Europe/Berlin");
        period_is(
            &c,
            "2026-03-15T00:00:00Z",
            "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z",
        );
        period_is(
            &c,
            "2026-10-15T00:00:00Z",
            "2026-09-30T22:00:00Z",
            "2026-10-31T23:00:00Z",
        );
    }

    #[test]
    fn a_skipped_midnight_starts_the_period_when_the_clocks_jump() {
        // On 2015-10-18 Sao Paulo went from 00:00 to 01:00.
        period_is(
            &calendar(18, "America/Sao_Paulo"),
            "2015-10-18T03:00:00Z",
            "2015-10-18T03:00:00Z",
            "2015-11-18T02:00:00Z",
        );
        // On 2016-02-21 at 00:00 it went back to 23:00 of the 20th: the 21st begins after that.
        period_is(
            &calendar(21, "America/Sao_Paulo"),
            "2016-02-21T02:59:59Z",
            "2016-01-21T02:00:00Z",
            "2016-02-21T03:00:00Z",
        );
    }

    #[test]
    fn a_midnight_that_comes_twice_starts_the_period_the_first_time() {
        // On 2026-11-01 Havana goes from 01:00 back to 00:00.
        period_is(
            &calendar(1, "America/Havana"),
            "2026-11-01T05:30:00Z",
            "2026-11-01T04:00:00Z",
            "2026-12-01T05:00:00Z",
        );
    }

    #[test]
    fn zones_off_the_hour_and_half_hour_dst() {
        period_is(
            &calendar(1, "Asia/Kathmandu"),
            "2026-02-28T18:15:00Z",
            "2026-02-28T18:15:00Z",
            "2026-03-31T18:15:00Z",
        );
        // Lord Howe is 11:00 ahead in summer, 10:30 in winter; it changed on 2026-04-05.
        period_is(
            &calendar(1, "Australia/Lord_Howe"),
            "2026-04-15T00:00:00Z",
            "2026-03-31T13:00:00Z",
            "2026-04-30T13:30:00Z",
        );
    }

    #[test]
    fn a_day_that_never_was_starts_with_the_next() {
        // Apia had no 2011-12-30.
        period_is(
            &calendar(30, "Pacific/Apia"),
            "2011-12-30T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2012-01-29T10:00:00Z",
        );
    }

    #[test]
    fn absurd_clocks_still_have_a_period() {
        for usec in [i64::MIN, 0, i64::MAX] {
            let period = calendar(31, "Asia/Kathmandu").containing(usec);
            assert!(period.length_usec() > 27 * 86_400_000_000);
        }
    }

    #[test]
    fn days_are_those_of_the_zone_whatever_its_clocks_do() {
        let day_is = |zone: &str, now: &str, start: &str, end: &str| {
            let day = calendar(1, zone).day(at(now));
            assert_eq!(
                (day.start_usec, day.end_usec),
                (at(start), at(end)),
                "{zone}"
            );
        };
        day_is(
            "Asia/Kathmandu",
            "2026-11-22T18:15:00Z",
            "2026-11-22T18:15:00Z",
            "2026-11-23T18:15:00Z",
        );
        // Of 23.5 and 24.5 hours.
        day_is(
            "Australia/Lord_Howe",
            "2026-10-03T20:00:00Z",
            "2026-10-03T13:30:00Z",
            "2026-10-04T13:00:00Z",
        );
        day_is(
            "Australia/Lord_Howe",
            "2026-04-04T20:00:00Z",
            "2026-04-04T13:00:00Z",
            "2026-04-05T13:30:00Z",
        );
        // At 00:01 of the 7th it went back to 23:01 of the 6th.
        day_is(
            "America/St_Johns",
            "2010-11-07T02:45:00Z",
            "2010-11-07T02:30:00Z",
            "2010-11-08T03:30:00Z",
        );
    }

    const ZONES: [&str; 7] = [
        "UTC",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Europe/Berlin",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "America/Havana",
    ];

    proptest! {
        #[test]
        fn periods_are_seamless_and_hold_their_instants(
            day in 1i8..=31, zone in 0usize..ZONES.len(), seconds in 0i64..4_000_000_000,
        ) {
            let c = calendar(day, ZONES[zone]);
            let usec = seconds * 1_000_000;
            let period = c.containing(usec);
            prop_assert!(period.contains(usec));
            prop_assert_eq!(c.containing(period.start_usec), period);
            prop_assert_eq!(c.containing(period.end_usec - 1), period);
            prop_assert_eq!(c.containing(period.end_usec).start_usec, period.end_usec);
            prop_assert_eq!(c.containing(period.start_usec - 1).end_usec, period.start_usec);
            let day = c.day(usec);
            prop_assert!(day.contains(usec));
            prop_assert_eq!(c.day(day.end_usec).start_usec, day.end_usec);
            prop_assert_eq!(c.day(period.start_usec).start_usec, period.start_usec);
            prop_assert_eq!(c.day(period.end_usec - 1).end_usec, period.end_usec);
            let days = period.length_usec() / 86_400_000_000;
            prop_assert!((26..=32).contains(&days), "{} days", days);
        }
    }
}

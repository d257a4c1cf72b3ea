//! How often a budget begins anew, and when.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::period::Period;

/// How often a budget begins anew. All of it is in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// With each calendar month.
    Monthly,
    /// Every three months, counted from the budget's first day.
    Quarterly,
    /// Every twelve months, counted from the budget's first day.
    Annually,
    /// With each month of the invoice. Azure does not tell its day: that of the budget's first day is taken.
    BillingMonth,
    /// Every three of them.
    BillingQuarter,
    /// Every twelve of them.
    BillingAnnual,
}

/// How a cost query names a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeframe {
    /// The calendar month so far.
    Month,
    /// The invoice's month so far.
    BillingMonth,
    /// From an instant to another.
    Custom,
}

impl Grain {
    const ALL: [(&str, Self); 6] = [
        ("Monthly", Self::Monthly),
        ("Quarterly", Self::Quarterly),
        ("Annually", Self::Annually),
        ("BillingMonth", Self::BillingMonth),
        ("BillingQuarter", Self::BillingQuarter),
        ("BillingAnnual", Self::BillingAnnual),
    ];

    /// Azure's word, ignoring case; nothing for one that is not known.
    pub(super) fn named(word: &str) -> Option<Self> {
        let found = Self::ALL
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(word));
        found.map(|(_, grain)| *grain)
    }

    /// How to ask for the cost of such a period.
    pub(super) const fn timeframe(self) -> Timeframe {
        match self {
            Self::Monthly => Timeframe::Month,
            Self::BillingMonth => Timeframe::BillingMonth,
            // A quarter's budget must not be held against a month's cost.
            Self::Quarterly | Self::Annually | Self::BillingQuarter | Self::BillingAnnual => {
                Timeframe::Custom
            }
        }
    }

    /// The period that an instant falls in, of a budget whose first one begins at `anchor_usec`; nothing beyond the
    /// calendar's end.
    pub(super) fn period(self, anchor_usec: i64, usec: i64) -> Option<Period> {
        let date = date_of(usec)?;
        let (anchor, step) = match self {
            Self::Monthly => (date.first_of_month(), 1),
            Self::BillingMonth => (date_of(anchor_usec)?, 1),
            Self::Quarterly | Self::BillingQuarter => (date_of(anchor_usec)?, 3),
            Self::Annually | Self::BillingAnnual => (date_of(anchor_usec)?, 12),
        };
        let nearest = (months(date) - months(anchor)).div_euclid(step);
        // The day of the month may still be ahead.
        [nearest, nearest - 1].into_iter().find_map(|number| {
            // Always from the anchor: the 31st comes back after February.
            let start = |number: i32| midnight(anchor.checked_add((number * step).months()).ok()?);
            let period = Period {
                start_usec: start(number)?,
                end_usec: start(number + 1)?,
            };
            period.contains(usec).then_some(period)
        })
    }
}

/// The date in UTC.
pub(super) fn date_of(usec: i64) -> Option<Date> {
    let moment = Timestamp::from_microsecond(usec).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).date())
}

/// The first instant of a day in UTC, microseconds.
pub(super) fn midnight(date: Date) -> Option<i64> {
    let moment = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(moment.as_microsecond())
}

fn months(date: Date) -> i32 {
    i32::from(date.year()) * 12 + i32::from(date.month())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn periods_are_counted_from_the_budgets_first_day() {
        for (grain, anchor, now, start, end) in [
            (
                Grain::Monthly,
                "2020-05-17",
                "2026-02-28T23:59:59Z",
                "2026-02-01",
                "2026-03-01",
            ),
            (
                Grain::Monthly,
                "2020-05-17",
                "2026-03-01T00:00:00Z",
                "2026-03-01",
                "2026-04-01",
            ),
            (
                Grain::BillingMonth,
                "2020-05-17",
                "2026-03-16T23:59:59Z",
                "2026-02-17",
                "2026-03-17",
            ),
            (
                Grain::BillingMonth,
                "2020-01-31",
                "2026-02-28T00:00:00Z",
                "2026-02-28",
                "2026-03-31",
            ),
            (
                Grain::BillingMonth,
                "2020-01-31",
                "2026-03-30T00:00:00Z",
                "2026-02-28",
                "2026-03-31",
            ),
            (
                Grain::Quarterly,
                "2025-11-01",
                "2026-11-22T12:00:00Z",
                "2026-11-01",
                "2027-02-01",
            ),
            (
                Grain::Quarterly,
                "2025-11-01",
                "2026-10-31T23:59:59Z",
                "2026-08-01",
                "2026-11-01",
            ),
            (
                Grain::Annually,
                "2024-02-29",
                "2026-02-27T00:00:00Z",
                "2025-02-28",
                "2026-02-28",
            ),
            (
                Grain::BillingQuarter,
                "2026-01-15",
                "2026-04-14T23:00:00Z",
                "2026-01-15",
                "2026-04-15",
            ),
            (
                Grain::BillingAnnual,
                "2026-01-15",
                "2025-12-31T00:00:00Z",
                "2025-01-15",
                "2026-01-15",
            ),
        ] {
            let midnight = |day: &str| at(&format!("{day}T00:00:00Z"));
            let period = grain.period(midnight(anchor), at(now)).unwrap();
            let expected = Period {
                start_usec: midnight(start),
                end_usec: midnight(end),
            };
            assert_eq!(period, expected, "{grain:?} {anchor} {now}");
        }
    }

    #[test]
    fn the_end_of_the_calendar_is_no_panic() {
        for grain in Grain::ALL.map(|(_, grain)| grain) {
            for usec in [i64::MIN, i64::MAX, 253_402_300_799_000_000] {
                assert_eq!(grain.period(usec, usec), None, "{grain:?}");
            }
        }
    }

    #[test]
    fn words_are_known_in_any_case_and_others_are_not() {
        assert_eq!(Grain::named("billingquarter"), Some(Grain::BillingQuarter));
        assert_eq!((Grain::named("Weekly"), Grain::named("")), (None, None));
    }
}

//! How well the cost is known.

use bwflow_proto::config::Spend;
use bwflow_proto::spend::Knowledge;
use jiff::Timestamp;

use super::record::Record;
use super::usec;
use crate::clock::Clock;

/// How well the cost of the present period is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// In a word.
    pub knowledge: Knowledge,
    /// Since how long it is not fresh, microseconds.
    pub lapsed_usec: i64,
    /// Whether the budget is known for sure as well, so that a limit may be loosened.
    pub may_raise: bool,
}

/// What time it is by the cloud's clock, microseconds since the Unix epoch, if it ever told.
pub fn server_usec(record: &Record, clock: &Clock) -> Option<i64> {
    let server = record.server.as_ref()?;
    Some(server.usec.saturating_add(server.at.age_usec(clock)))
}

/// How far the cloud's clock may be from where it must be by what it said before, or by a wall clock
/// that agrees with it: pages take their time, and clocks drift.
const TOLERANCE_USEC: i64 = 10 * 60 * 1_000_000;
/// How far from a wall clock that nothing vouches for.
const DAY_USEC: i64 = 24 * 60 * 60 * 1_000_000;

/// Why an answer of this time by the cloud's clock (microseconds since the Unix epoch) is not to be
/// believed: it is an old one, or one of the clocks is wrong. Nothing where it can be.
///
/// What the cloud said before in this boot goes before the wall clock, which may be wrong. A wall
/// clock that agrees with the cloud mends what is remembered wrongly.
pub fn doubt(record: &Record, told_usec: i64, clock: &Clock) -> Option<String> {
    let off = |from: i64| told_usec.saturating_sub(from).saturating_abs();
    if off(clock.usec) <= TOLERANCE_USEC {
        return None;
    }
    let told = shown(told_usec);
    if let Some(server) = &record.server {
        let age = server.at.age_usec(clock);
        let is_of_boot = server.at.is_of_boot(clock);
        let carried = server.usec.saturating_add(age);
        let is_near = off(carried) <= TOLERANCE_USEC.saturating_add(age / 1000);
        if is_of_boot && is_near {
            return None;
        }
        let is_back = told_usec < server.usec.saturating_sub(TOLERANCE_USEC);
        if is_of_boot || is_back {
            let must = shown(if is_of_boot { carried } else { server.usec });
            let least = if is_of_boot { "" } else { "at least " };
            return Some(format!(
                "the answer is of {told} by Azure's clock, which must show {least}{must} by what it \
                 said before: the answer is an old one, or that clock is wrong; if this machine's \
                 clock is wrong, set it"
            ));
        }
    }
    (off(clock.usec) > DAY_USEC).then(|| {
        format!(
            "Azure's clock says {told}, this machine's {}: set this machine's clock (timedatectl)",
            shown(clock.usec)
        )
    })
}

/// A time for people, to the second.
fn shown(usec: i64) -> String {
    let time = Timestamp::from_second(usec.div_euclid(1_000_000));
    time.map_or_else(|_| "a time of no calendar".to_owned(), |it| it.to_string())
}

/// When the period ends that the cloud was in last, microseconds since the Unix epoch.
fn period_end(record: &Record) -> Option<i64> {
    record.server.as_ref().map(|server| server.period.end_usec)
}

/// How long ago the period has ended that the figures are of, microseconds; nothing while it runs.
pub fn over_usec(record: &Record, clock: &Clock) -> Option<i64> {
    let (figure, now) = (record.figure.as_ref()?, server_usec(record, clock)?);
    // Whatever the time, an answer that is of a later period says it, too.
    let is_later = period_end(record).is_some_and(|end| end > figure.period.end_usec);
    let over = now.saturating_sub(figure.period.end_usec);
    (over >= 0 || is_later).then_some(over.max(0))
}

/// How well the cost is known: fresh as long as the last figure of this period is younger than twice
/// the time after which it is asked for again.
pub fn known(config: &Spend, record: &Record, clock: &Clock) -> Known {
    let lifetime = usec(config.cost_interval).saturating_mul(2);
    let unknown = |lapsed_usec| Known {
        knowledge: Knowledge::Unknown,
        lapsed_usec,
        may_raise: false,
    };
    let Some(figure) = &record.figure else {
        return unknown(record.began.as_ref().map_or(0, |it| it.age_usec(clock)));
    };
    let lapsed = figure.at.age_usec(clock).saturating_sub(lifetime);
    if let Some(over) = over_usec(record, clock) {
        return unknown(lapsed.max(over));
    }
    if lapsed >= 0 {
        return Known {
            knowledge: Knowledge::Stale,
            lapsed_usec: lapsed,
            may_raise: false,
        };
    }
    let is_known = |it: &super::record::KnownBudget| {
        it.is_confirmed && it.at.age_usec(clock) < lifetime && it.budget.period == figure.period
    };
    Known {
        knowledge: Knowledge::Fresh,
        lapsed_usec: 0,
        may_raise: record.budget.as_ref().is_some_and(is_known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::Period;
    use crate::spend::decision::tests::{HOUR, at};
    use crate::spend::moment::Moment;
    use crate::spend::record::ServerTime;

    const DAY: i64 = 24 * HOUR;
    const MINUTE: i64 = HOUR / 60;

    /// A record of what the cloud's clock said, when ours were so.
    fn told(usec: i64, clock: &Clock) -> Record {
        Record {
            server: Some(ServerTime {
                usec,
                period: Period {
                    start_usec: 0,
                    end_usec: i64::MAX,
                },
                at: Moment::of(clock),
            }),
            ..Record::default()
        }
    }

    #[test]
    fn with_nothing_remembered_the_wall_clock_vouches_for_a_day() {
        let (record, now) = (Record::default(), at(0, 1));
        for (off, is_doubted) in [
            (0, false),
            (DAY, false),
            (-DAY, false),
            (DAY + 1, true),
            (-DAY - 1, true),
            (2_000 * DAY, true),
        ] {
            let doubt = doubt(&record, now.usec + off, &now);
            assert_eq!(doubt.is_some(), is_doubted, "{off}: {doubt:?}");
        }
        let text = doubt(&record, i64::MIN, &now).unwrap_or_default();
        assert!(text.contains("set this machine's clock"), "{text}");
    }

    #[test]
    fn in_one_boot_the_clouds_clock_goes_on_whatever_the_wall_clock_shows() {
        for wrong in [-400 * DAY, -2 * HOUR, 400 * DAY] {
            let before = at(0, 1);
            let right = before.usec - wrong;
            let record = told(right, &before);
            let now = at(5 * DAY, 1);
            for (off, is_doubted) in [
                (0, false),
                (9 * MINUTE, false),
                (-9 * MINUTE, false),
                (HOUR, true),
                (-HOUR, true),
                (-5 * DAY, true),
                // Our clock agrees: what is remembered was wrong.
                (wrong, false),
            ] {
                let doubt = doubt(&record, right + 5 * DAY + off, &now);
                assert_eq!(doubt.is_some(), is_doubted, "{wrong} {off}: {doubt:?}");
            }
        }
    }

    #[test]
    fn after_a_boot_the_wall_clock_vouches_but_nothing_is_older_than_what_was_told() {
        let before = at(0, 1);
        let record = told(before.usec, &before);
        let mut now = at(5 * DAY, 2);
        now.boottime_usec = HOUR;
        for (off, is_doubted) in [(0, false), (-DAY, false), (DAY, false), (2 * DAY, true)] {
            let doubt = doubt(&record, now.usec + off, &now);
            assert_eq!(doubt.is_some(), is_doubted, "{off}: {doubt:?}");
        }
        let mut now = at(HOUR, 2);
        now.boottime_usec = HOUR;
        assert!(doubt(&record, now.usec - 2 * HOUR, &now).is_some());
    }
}

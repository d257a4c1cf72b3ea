//! How well the cost is known.

use bwflow_proto::config::Spend;
use bwflow_proto::spend::Knowledge;

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

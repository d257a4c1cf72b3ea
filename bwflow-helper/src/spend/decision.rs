//! What follows from what is known. Pure.

use bwflow_proto::config::Spend;
use bwflow_proto::money::Money;
use bwflow_proto::spend::Knowledge;

use super::estimate::{estimate, since};
use super::knowledge::{Known, known, over_usec};
use super::reason::reason;
use super::record::{Base, Record, Standing};
use super::tier::{choose, last, strict};
use super::usec;
use crate::clock::Clock;

/// What is known and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How well the cost is known.
    pub known: Known,
    /// What is spent by now as far as anybody can tell: the report, and what the link has sent since.
    /// In a period that nothing was reported of, only what the link has sent.
    pub estimate: Option<Money>,
    /// That as hundredths of a percent of the budget.
    pub share: Option<i64>,
    /// What holds from now on.
    pub standing: Standing,
}

/// From when on the link's bytes count in addition to what was reported, microseconds since the Unix
/// epoch by our clock; nothing while nothing can be estimated.
pub fn unreported_since(config: &Spend, record: &Record, clock: &Clock) -> Option<i64> {
    config.price_per_gb?;
    if let Some(over) = over_usec(record, clock) {
        return Some(clock.usec.saturating_sub(over));
    }
    let figure = record.figure.as_ref()?;
    // Back from now, so that a clock that was set meanwhile does not matter.
    let reported = clock.usec.saturating_sub(figure.at.age_usec(clock));
    let into_period = figure
        .server_usec
        .saturating_sub(figure.period.start_usec)
        .max(0);
    let start = reported.saturating_sub(into_period);
    Some(since(reported, usec(config.cost_delay), start))
}

/// What is spent by now.
fn spent(config: &Spend, record: &Record, bytes: u64, clock: &Clock) -> Option<Money> {
    let figure = record.figure.as_ref()?;
    if over_usec(record, clock).is_none() {
        return Some(estimate(figure.amount(), bytes, config.price_per_gb));
    }
    config.price_per_gb?;
    Some(estimate(Money::default(), bytes, config.price_per_gb))
}

/// Decides. `bytes` is what the link has sent since [`unreported_since`]; nothing if that is not known,
/// which is not to be taken for none.
///
/// Only full knowledge of the present period goes to a more generous tier. Without it, what is
/// known may still lower, and so does time.
pub fn decide(config: &Spend, record: &Record, bytes: Option<u64>, clock: &Clock) -> Decision {
    let mut known = known(config, record, clock);
    known.may_raise &= bytes.is_some();
    let estimate = spent(config, record, bytes.unwrap_or(0), clock);
    let budget = record.budget.as_ref().map(|it| it.budget.amount);
    let share = match (estimate, budget) {
        (Some(estimate), Some(budget)) => estimate.basis_points_of(budget),
        _ => None,
    };
    let before = &record.standing;
    let index = |name: &str| config.tiers.iter().position(|tier| tier.name == name);
    // A tier that is not there any more was one nobody knows how strict.
    let current = before
        .tier
        .as_deref()
        .map(|name| index(name).unwrap_or_else(|| last(&config.tiers)));
    let (mut steps, mut base) = (before.steps, before.base.clone());
    let to = match share {
        Some(share) if known.may_raise => {
            let period = record.figure.as_ref().map_or(0, |it| it.period.start_usec);
            let from = base.filter(|base| base.period_start_usec == period);
            let to = match from.and_then(|base| index(&base.tier)) {
                Some(from) => choose(&config.tiers, from, share, config.hysteresis, true),
                // The first decision of a period, or after everything was forgotten.
                None => strict(&config.tiers, share),
            };
            base = config.tiers.get(to).map(|tier| Base {
                tier: tier.name.clone(),
                period_start_usec: period,
            });
            steps = 0;
            Some(to)
        }
        _ => {
            let due = known.lapsed_usec / usec(config.stale_after).max(1);
            let due = u32::try_from(due).unwrap_or(u32::MAX);
            let more = due.saturating_sub(steps);
            steps = steps.max(due);
            let more = usize::try_from(more).unwrap_or(usize::MAX);
            let down = match current {
                Some(current) => Some(current.saturating_add(more)),
                None if more > 0 => Some(more),
                None => None,
            };
            let at_least = match known.knowledge {
                // Nothing of the period is known but what it costs at least.
                Knowledge::Unknown if current.is_none() => None,
                _ => share.map(|share| strict(&config.tiers, share)),
            };
            down.max(at_least).map(|to| to.min(last(&config.tiers)))
        }
    };
    let tier = to.and_then(|to| config.tiers.get(to));
    let name = tier.map(|tier| tier.name.clone());
    let is_same = name == before.tier;
    let standing = Standing {
        since_usec: if is_same {
            before.since_usec
        } else {
            clock.usec
        },
        reason: reason(config, &known, share, to, steps, record),
        tier: name,
        base,
        steps,
    };
    Decision {
        known,
        estimate,
        share,
        standing,
    }
}

#[cfg(test)]
pub(crate) mod tests;

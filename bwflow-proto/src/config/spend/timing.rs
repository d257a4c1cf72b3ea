//! The guard's times: how often it looks, and how long it waits for what it does not know.

use std::time::Duration;

use super::Tier;
use super::azure::known;
use super::value::{DAY, HOUR, MINUTE, percent, shown_percent, span_of_time};
use crate::config::problem::Problems;
use crate::config::section::Section;
use crate::config::value::Given;
use crate::units::format_duration;

/// When the guard looks, asks and gives up.
pub(super) struct Timing {
    pub(super) check_interval: Duration,
    pub(super) cost_interval: Duration,
    pub(super) stale_after: Duration,
    pub(super) cost_delay: Duration,
    pub(super) hysteresis: u32,
}

impl Timing {
    /// What holds unless the file says otherwise.
    pub(super) const fn usual() -> Self {
        Self {
            check_interval: Duration::from_secs(HOUR),
            cost_interval: Duration::from_secs(4 * HOUR),
            stale_after: Duration::from_secs(36 * HOUR),
            cost_delay: Duration::from_secs(24 * HOUR),
            hysteresis: 200,
        }
    }
}

/// Reads the times and the hysteresis, which must leave a way back to the first tier.
pub(super) fn read(
    section: &Section<'_>,
    tiers: Option<&[Tier]>,
    problems: &mut Problems,
) -> Option<Timing> {
    let usual = Timing::usual();
    let mut span = |key: &'static str, range, example: &str| {
        Given::read(section.get(key), problems, |entry, problems| {
            span_of_time(entry, range, example, problems)
        })
    };
    let check = span("check_interval", MINUTE..=DAY, "1h");
    let cost = span("cost_interval", HOUR..=7 * DAY, "4h");
    let stale = span("stale_after", HOUR..=31 * DAY, "36h");
    let delay = span("cost_delay", 0..=7 * DAY, "24h");
    let hysteresis = Given::read(
        section.get("hysteresis_percent"),
        problems,
        |entry, found| percent(entry, 0..=5_000, "2", found),
    );
    let or = |given: &Given<Duration>, usual: Duration| match given {
        Given::Is(span, _) => *span,
        Given::Not | Given::Wrong => usual,
    };
    let (check_interval, cost_interval, stale_after) = (
        or(&check, usual.check_interval),
        or(&cost, usual.cost_interval),
        or(&stale, usual.stale_after),
    );
    let mut is_right = true;
    let mut refuse = |given: &[&Given<Duration>], message: String, hint: String| {
        is_right = false;
        // Where both are wrong that is enough to say.
        if given.iter().any(|given| matches!(given, Given::Wrong)) {
            return;
        }
        let place = given.iter().find_map(|given| match given {
            Given::Is(_, span) => Some(span.clone()),
            Given::Not | Given::Wrong => None,
        });
        if let Some(place) = place {
            problems.error(place, message, Some(hint));
        }
    };
    let shown = format_duration;
    if cost_interval < check_interval {
        refuse(
            &[&cost, &check],
            format!(
                "`cost_interval`, {}, is less than `check_interval`, {}",
                shown(cost_interval),
                shown(check_interval)
            ),
            "the cost is asked for at a check; write check_interval = \"1h\"".to_owned(),
        );
    }
    if stale_after < cost_interval {
        refuse(
            &[&stale, &cost],
            format!(
                "`stale_after`, {}, is less than `cost_interval`, {}",
                shown(stale_after),
                shown(cost_interval)
            ),
            "write several times the cost_interval, like stale_after = \"36h\"".to_owned(),
        );
    }
    if let Given::Is(span, place) = &cost
        && *span < usual.cost_interval
    {
        let message = format!(
            "`cost_interval` is {}, but Azure renews its figures every four hours or so",
            shown(*span)
        );
        let hint = "asking oftener gives nothing new, and may be refused: write \"4h\"".to_owned();
        problems.note(place.clone(), message, Some(hint));
    }
    let lowest = tiers
        .and_then(|tiers| tiers.first())
        .and_then(|tier| tier.up_to);
    let hysteresis = match (hysteresis, lowest) {
        (Given::Is(hysteresis, place), Some(lowest)) if hysteresis >= lowest => {
            let message = format!(
                "`hysteresis_percent` is {}, but the first tier ends at {}: nothing leads back to it",
                shown_percent(hysteresis),
                shown_percent(lowest)
            );
            problems.error(
                place,
                message,
                Some("write hysteresis_percent = 2".to_owned()),
            );
            None
        }
        // The usual one must leave a way back, too.
        (Given::Not, Some(lowest)) => Some(usual.hysteresis.min(lowest / 2)),
        (given, _) => known(given).map(|given| given.unwrap_or(usual.hysteresis)),
    };
    Some(Timing {
        check_interval: known(check)?.unwrap_or(check_interval),
        cost_interval: known(cost)?.unwrap_or(cost_interval),
        stale_after: known(stale)?.unwrap_or(stale_after),
        cost_delay: known(delay)?.unwrap_or(usual.cost_delay),
        hysteresis: hysteresis?,
    })
    .filter(|_| is_right)
}

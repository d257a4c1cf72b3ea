//! One link's plan with its defaults filled in, checked as a whole.

use jiff::tz::TimeZone;

use super::plan::Plan;
use super::problem::{Problems, Span};
use super::value::Given;
use super::{Link, Throttle};
use crate::count::Count;
use crate::units::{format_bytes, format_bytes_exact, format_rate};

/// The longest period: what is promised per month must hold in it.
const LONGEST_PERIOD_SECONDS: u64 = 31 * 86_400;

/// 64 kbit/s.
const DEFAULT_MIN_RATE: u64 = 8_000;

pub(super) const BUDGET_HINT: &str = "write monthly_budget_gb = 100 under [bandwidth]";

/// A link as the file names it.
pub(super) struct Named {
    pub(super) interface: String,
    pub(super) span: Span,
    pub(super) plan: Plan,
}

/// Fills in `defaults` and checks what the values mean together; what is wrong is reported, but
/// what is missing only if the file `is_whole`: a line that could not be read may have held it.
pub(super) fn resolve(
    named: Named,
    defaults: &Plan,
    is_whole: bool,
    problems: &mut Problems,
) -> Option<Link> {
    let own_budget = match &named.plan.budget {
        Given::Is(_, span) => Some(span.clone()),
        Given::Not | Given::Wrong => None,
    };
    let plan = named.plan.or(defaults);
    let (budget, budget_span) = match plan.budget {
        Given::Is(0, span) => {
            let hint = "a link that may send nothing is better taken down: `ip link set … down`";
            problems.error(span, "the budget is zero", Some(hint.to_owned()));
            return None;
        }
        Given::Is(budget, span) => (budget, span),
        Given::Wrong => return None,
        Given::Not => {
            if is_whole {
                problems.error(
                    named.span,
                    format!("no budget for `{}`", named.interface),
                    Some(BUDGET_HINT.to_owned()),
                );
            }
            return None;
        }
    };
    let (burst, burst_span) = burst(budget, own_budget, plan.burst, &defaults.burst, problems)?;
    let timezone = match plan.timezone {
        Given::Is(zone, _) => zone,
        Given::Not => TimeZone::UTC,
        Given::Wrong => return None,
    };
    let billing_day = or_default(plan.billing_day, 1)?;
    let min_rate = or_default(plan.min_rate, DEFAULT_MIN_RATE)?;
    let throttle = match plan.throttle {
        Given::Is(Throttle::Rate(rate), span) => {
            note_cost(&named.interface, budget, burst, rate, span, problems);
            Throttle::Rate(rate)
        }
        Given::Is(Throttle::Drip, _) | Given::Not => {
            check_drip(
                budget,
                burst,
                min_rate,
                burst_span.unwrap_or(budget_span),
                problems,
            )?;
            Throttle::Drip
        }
        Given::Wrong => return None,
    };
    let count = match plan.count {
        Given::Is(count, span) => {
            note_direction(count, span, problems);
            count
        }
        Given::Not => Count::default(),
        Given::Wrong => return None,
    };
    let exclude = match plan.exclude {
        Given::Is(networks, _) => networks,
        Given::Not => Vec::new(),
        Given::Wrong => return None,
    };
    Some(Link {
        interface: named.interface,
        budget_bytes: budget,
        burst_bytes: burst,
        billing_day,
        timezone,
        count,
        throttle,
        min_rate,
        exclude,
    })
}

fn or_default<T>(given: Given<T>, default: T) -> Option<T> {
    match given {
        Given::Is(value, _) => Some(value),
        Given::Not => Some(default),
        Given::Wrong => None,
    }
}

/// The burst and, if it was given, its place. The burst of `[bandwidth]` counts unless the link's
/// own budget is smaller; without one it is half of the budget.
fn burst(
    budget: u64,
    budget_is_own: Option<Span>,
    own: Given<u64>,
    default: &Given<u64>,
    problems: &mut Problems,
) -> Option<(u64, Option<Span>)> {
    let half = budget / 2;
    let inherited = !own.is_given();
    match own.or(default.clone()) {
        Given::Not => Some((half, None)),
        Given::Wrong => None,
        Given::Is(burst, span) if burst <= budget => Some((burst, Some(span))),
        Given::Is(burst, span) => {
            if let (true, Some(budget_span)) = (inherited, budget_is_own) {
                let message = format!(
                    "the pre-charge of [bandwidth], {}, is more than this budget; half of the \
                     budget, {}, is used",
                    format_bytes_exact(burst),
                    format_bytes_exact(half)
                );
                let hint = Some("give this link a pre_charge of its own".to_owned());
                problems.note(budget_span, message, hint);
                return Some((half, None));
            }
            let message = format!(
                "the pre-charge, {}, is more than the budget, {}",
                format_bytes_exact(burst),
                format_bytes_exact(budget)
            );
            let hint = "the pre-charge is the part of the budget that is there from the first day";
            problems.error(span, message, Some(hint.to_owned()));
            None
        }
    }
}

/// Holding to the drip keeps the promise only if there is a drip.
fn check_drip(
    budget: u64,
    burst: u64,
    min_rate: u64,
    span: Span,
    problems: &mut Problems,
) -> Option<()> {
    if budget == burst {
        let most = min_rate.saturating_mul(LONGEST_PERIOD_SECONDS);
        let message = format!(
            "nothing is left to drip in: once the budget is used up, the link is held to \
             `min_rate`, {}, which is up to {} a month over the budget",
            format_rate(min_rate),
            format_bytes(most)
        );
        let hint = "a pre-charge below the budget leaves a drip that stays within it";
        problems.note(span, message, Some(hint.to_owned()));
    } else if budget - burst < LONGEST_PERIOD_SECONDS {
        let message = format!(
            "the {} that the pre-charge leaves of the budget are less than one byte per second",
            format_bytes_exact(budget - burst)
        );
        let hint = "leave at least 3 MB to drip in, or nothing at all";
        problems.error(span, message, Some(hint.to_owned()));
        return None;
    }
    Some(())
}

/// A rate of the user's own may cost more than the plan pays for; then it is said how much.
fn note_cost(
    interface: &str,
    budget: u64,
    burst: u64,
    rate: u64,
    span: Span,
    problems: &mut Problems,
) {
    let drip = (budget - burst) / LONGEST_PERIOD_SECONDS;
    if rate <= drip {
        return;
    }
    let most = rate
        .saturating_mul(LONGEST_PERIOD_SECONDS)
        .saturating_add(burst);
    let message = format!(
        "a rate of {} is above the drip of {}: `{interface}` may use up to {} a month, {} over \
         its budget",
        format_rate(rate),
        format_rate(drip),
        format_bytes(most),
        format_bytes(most.saturating_sub(budget))
    );
    let hint = "rate = \"drip\" stays within the budget".to_owned();
    problems.note(span, message, Some(hint));
}

/// Only what is sent passes through a queue that we hold.
fn note_direction(count: Count, span: Span, problems: &mut Problems) {
    if count == Count::Tx {
        return;
    }
    let message = format!(
        "with count = \"{count}\" what comes in is charged, but only what goes out is held back"
    );
    let hint = "what others send cannot be held at the door; it may go over the budget";
    problems.note(span, message, Some(hint.to_owned()));
}

//! Why a tier is in force, in a sentence that stays true as long as the tier is.

use bwflow_proto::config::Spend;
use bwflow_proto::spend::Knowledge;

use super::knowledge::Known;
use super::record::Record;
use super::tier::strict;

/// Why the tier of this index is in force, or why there is none.
pub fn reason(
    config: &Spend,
    known: &Known,
    share: Option<i64>,
    tier: Option<usize>,
    steps: u32,
    record: &Record,
) -> String {
    let Some(tier) = tier else {
        return "the cost is not known yet".to_owned();
    };
    let asked = share.map(|share| strict(&config.tiers, share));
    if asked == Some(tier) {
        return spent(config, tier);
    }
    let unknown = match known.knowledge {
        Knowledge::Unknown if record.figure.is_some() => "nothing is reported of this period yet",
        Knowledge::Unknown => "the cost is not known",
        Knowledge::Stale => "the cost was reported too long ago",
        Knowledge::Fresh if !known.may_raise => {
            "the budget, or what the link has sent, is not known for certain"
        }
        Knowledge::Fresh => {
            let edge = asked.and_then(|asked| config.tiers.get(asked)?.up_to);
            return edge.map_or_else(String::new, |edge| {
                let edge = edge.saturating_sub(config.hysteresis);
                format!(
                    "it is left once at most {} of the budget is spent",
                    percent(edge)
                )
            });
        }
    };
    if steps > 0 {
        format!("{unknown}, for so long that the tier goes down")
    } else {
        format!("{unknown}, so that no limit is loosened")
    }
}

/// Between which edges the share is.
fn spent(config: &Spend, tier: usize) -> String {
    let edge = |index: usize| config.tiers.get(index).and_then(|tier| tier.up_to);
    let above = tier.checked_sub(1).and_then(edge);
    match (above, edge(tier)) {
        (None, Some(to)) => format!("at most {} of the budget is spent", percent(to)),
        (Some(from), Some(to)) => format!(
            "more than {} and at most {} of the budget is spent",
            percent(from),
            percent(to)
        ),
        (Some(from), None) => format!("more than {} of the budget is spent", percent(from)),
        (None, None) => "it is the only tier".to_owned(),
    }
}

/// Hundredths of a percent: `50 %`, `12.5 %`.
pub fn percent(basis_points: u32) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    match rest {
        0 => format!("{whole} %"),
        rest if rest % 10 == 0 => format!("{whole}.{} %", rest / 10),
        rest => format!("{whole}.{rest:02} %"),
    }
}

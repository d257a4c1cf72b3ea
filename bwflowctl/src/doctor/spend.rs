//! Whether the spend guard knows the cost, and whether Jellyfin's limit has the effect it should.

mod key;

use bwflow_proto::spend::{Finding as Reason, Knowledge, SpendView};

pub(super) use key::{Key, judge_key};

use super::finding::Finding;
use crate::spend::trouble;

const CHECK: &str = "spend";
const JELLYFIN: &str = "jellyfin";
const LOG: &str = "journalctl -u bwflow-helper; then bwflowctl spend --refresh";

/// Judges what the guard publishes.
pub(super) fn judge(view: &SpendView) -> Vec<Finding> {
    let mut findings = vec![judge_cost(view)];
    if !view.jellyfin_host.is_empty() {
        findings.push(judge_jellyfin(view));
        findings.extend(view.findings.iter().map(judge_reason));
    }
    findings
}

fn judge_cost(view: &SpendView) -> Finding {
    if !view.cost_error.is_empty() {
        return Finding::warning(CHECK, &view.cost_error, LOG);
    }
    let tier = if view.tier.is_empty() {
        "no tier is in force yet".to_owned()
    } else {
        format!("tier `{}` is in force", view.tier)
    };
    match view.knowledge.parse() {
        Ok(Knowledge::Fresh) => Finding::ok(CHECK, format!("{tier}, by a fresh figure")),
        _ if view.checked_at_usec == 0 => Finding::note(CHECK, "has not asked for the cost yet"),
        Ok(Knowledge::Stale) => {
            let found = format!("the last known cost is stale; {tier}");
            Finding::warning(CHECK, found, LOG)
        }
        _ => Finding::warning(CHECK, format!("the cost is not known; {tier}"), LOG),
    }
}

fn judge_jellyfin(view: &SpendView) -> Finding {
    let error = &view.jellyfin_error;
    let place = format!("{}:{}", view.jellyfin_host, view.jellyfin_port);
    match view.jellyfin_state.as_str() {
        _ if !error.is_empty() => {
            let cure = if view.jellyfin_state == "unreachable" {
                format!("is the way to {place} up (wg show; ping), and Jellyfin running?")
            } else {
                "do as it says, then bwflowctl spend --refresh".to_owned()
            };
            Finding::warning(JELLYFIN, error, cure)
        }
        "held" => Finding::ok(JELLYFIN, format!("{place} does as the tier says")),
        "foreign" => Finding::note(
            JELLYFIN,
            "an administrator has set a stricter limit, which bwflow leaves alone",
        ),
        "none" => Finding::ok(JELLYFIN, format!("nothing is asked of {place}")),
        _ => Finding::note(JELLYFIN, format!("{place} has yet to follow")),
    }
}

/// A reason why the limit has no effect for somebody, with its cure.
fn judge_reason(reason: &Reason) -> Finding {
    let trouble = trouble(reason);
    Finding::warning(JELLYFIN, trouble.found, trouble.cure)
}

#[cfg(test)]
mod tests;

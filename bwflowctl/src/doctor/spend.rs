//! Whether the spend guard knows the cost, and whether Jellyfin's limit has the effect it should.

mod key;

use bwflow_proto::spend::{Finding as Reason, Knowledge, SpendView};

pub(super) use key::{Key, judge_key};

use super::finding::Finding;

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
    let subject = &reason.subject;
    let (found, cure) = match reason.kind.as_str() {
        "clients-local" => (
            format!(
                "a stream comes from {subject}, which Jellyfin takes for its own network: no limit holds \
                 for it"
            ),
            "in Jellyfin's dashboard, Networking: put the addresses of both proxies into Known Proxies, that \
             of the proxy at home as Jellyfin sees it and that of this host in the tunnel; then restart \
             Jellyfin",
        ),
        "known-proxies" => (
            "Jellyfin does not heed X-Forwarded-For, so it takes viewers for the proxy and limits nobody"
                .to_owned(),
            "in Jellyfin's dashboard, Networking: put the addresses of both proxies into Known Proxies; let \
             the proxy at home trust this host's forwarded addresses; then restart Jellyfin",
        ),
        "user-limit" => (
            format!("the limit of user `{subject}` is above the server's and goes before it"),
            "in Jellyfin's dashboard, Users, this user, Playback: lower the bitrate limit, or set it to 0",
        ),
        "self-remote" => (
            "Jellyfin takes bwflow for a remote client, so bwflow cannot switch remote access off"
                .to_owned(),
            "in Jellyfin's dashboard, Networking, LAN networks: add this host's address in the tunnel, \
             and no exclusion (!) that holds it",
        ),
        other => (format!("{other} {subject}"), "bwflowctl spend; docs/spend.md"),
    };
    Finding::warning(JELLYFIN, found.trim_end(), cure)
}

#[cfg(test)]
mod tests;

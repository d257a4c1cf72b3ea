//! The status for programs: one line, stable, versioned; keys may be added, none goes.

use serde::Serialize;

use crate::by_hand::{ClaimRecord, CorrectionRecord, TopUpRecord};
use crate::failure::Failure;
use crate::snapshot::{LinkRecord, Snapshot};
use crate::time::rfc3339;

#[derive(Serialize)]
struct Status<'a> {
    version: u32,
    /// `present` or `absent`.
    helper: &'static str,
    links: Vec<Link<'a>>,
    /// `present` or `absent`; absent only while a watch waits.
    daemon: &'static str,
}

#[derive(Serialize)]
struct Link<'a> {
    interface: &'a str,
    state: &'a str,
    /// Null when there is none.
    limit_bytes_per_second: Option<u64>,
    reason: String,
    since: Option<String>,
    available_bytes: Option<i64>,
    /// When the state ends at the latest. What is not decided by hand is let go when enough has
    /// accrued, which depends on what is sent, and anyway with the period.
    until: Option<String>,
    throttle: Option<ClaimRecord<'a>>,
    #[serde(rename = "override")]
    override_claim: Option<ClaimRecord<'a>>,
    pending_topups: Vec<TopUpRecord<'a>>,
    pending_corrections: Vec<CorrectionRecord<'a>>,
    /// Why excluded networks are charged and held back all the same; null when they are not.
    exclusion_fault: Option<&'a str>,
    /// Null when vnStat is used, or not wanted.
    source_note: Option<&'a str>,
}

/// One line with its line feed.
pub(super) fn render(snapshot: &Snapshot) -> Result<String, Failure> {
    let status = Status {
        version: 1,
        helper: presence(snapshot.has_helper),
        links: snapshot.links.iter().map(link).collect(),
        daemon: presence(snapshot.has_daemon),
    };
    line(&status)
}

/// One link of it, on a line of its own.
pub(crate) fn render_link(record: &LinkRecord) -> Result<String, Failure> {
    line(&link(record))
}

fn line(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(text + "\n")
}

const fn presence(is_there: bool) -> &'static str {
    if is_there { "present" } else { "absent" }
}

fn link(record: &LinkRecord) -> Link<'_> {
    let limit = record.limit_bytes_per_second;
    Link {
        interface: &record.interface,
        state: &record.state,
        limit_bytes_per_second: (limit != 0).then_some(limit),
        reason: record.reason(),
        since: rfc3339(record.state_since_usec),
        available_bytes: record.available_bytes(),
        until: rfc3339(record.until_usec()),
        throttle: record.throttle.as_ref().map(ClaimRecord::of),
        override_claim: record.override_claim.as_ref().map(ClaimRecord::of),
        pending_topups: TopUpRecord::among(&record.pending_top_ups),
        pending_corrections: CorrectionRecord::among(&record.pending_top_ups),
        exclusion_fault: record.exclusion_fault(),
        source_note: record.source_note(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::ledger::LedgerView;

    use super::*;
    use crate::by_hand::tests::decided;

    #[test]
    fn the_line_is_the_documented_one() {
        let snapshot = Snapshot {
            has_daemon: true,
            has_helper: true,
            links: vec![
                LinkRecord {
                    interface: "eth0".to_owned(),
                    state: "throttled".to_owned(),
                    state_since_usec: 1_795_305_600_000_000,
                    limit_bytes_per_second: 125_000,
                    ledger: Some(LedgerView {
                        available_bytes: -7,
                        period_end_usec: 1_796_083_200_000_000,
                        ..LedgerView::default()
                    }),
                    ..LinkRecord::default()
                },
                LinkRecord {
                    interface: "wg0".to_owned(),
                    state: "blocked".to_owned(),
                    blocked_by: "htb 1:".to_owned(),
                    ..LinkRecord::default()
                },
            ],
        };
        assert_eq!(
            render(&snapshot).unwrap(),
            "{\"version\":1,\"helper\":\"present\",\"links\":[\
             {\"interface\":\"eth0\",\"state\":\"throttled\",\"limit_bytes_per_second\":125000,\
             \"reason\":\"all that has accrued is used\",\"since\":\"2026-11-22T00:00:00Z\",\
             \"available_bytes\":-7,\"until\":\"2026-12-01T00:00:00Z\",\
             \"throttle\":null,\"override\":null,\"pending_topups\":[],\"pending_corrections\":[],\"exclusion_fault\":null,\"source_note\":null},\
             {\"interface\":\"wg0\",\"state\":\"blocked\",\"limit_bytes_per_second\":null,\
             \"reason\":\"htb 1: is in the way\",\"since\":null,\
             \"available_bytes\":null,\"until\":null,\
             \"throttle\":null,\"override\":null,\"pending_topups\":[],\"pending_corrections\":[],\"exclusion_fault\":null,\"source_note\":null}],\"daemon\":\"present\"}\n"
        );
        assert_eq!(
            render(&Snapshot::default()).unwrap(),
            "{\"version\":1,\"helper\":\"absent\",\"links\":[],\"daemon\":\"absent\"}\n"
        );
    }

    #[test]
    fn what_was_decided_by_hand_is_there_and_until_is_its_end() {
        let overridden = LinkRecord {
            state: "overridden".to_owned(),
            ..decided()
        };
        let link = |record: &LinkRecord| -> serde_json::Value {
            serde_json::from_str(&render_link(record).unwrap()).unwrap()
        };
        let status = link(&overridden);
        assert_eq!(status["until"], serde_json::Value::Null);
        assert_eq!(
            status["override"],
            serde_json::json!({
                "rate_bytes_per_second": null, "owner": "root", "owner_uid": 0,
                "reason": "", "set_at": "2026-11-22T00:00:00Z", "expires_at": null,
            })
        );
        let status = link(&decided());
        assert_eq!(status["state"], "manual");
        assert_eq!(status["until"], "2026-11-22T18:00:00Z");
        assert_eq!(
            status["reason"],
            "throttled by hand by alice until 2026-11-22 18:00 UTC: backup runs"
        );
        assert_eq!(
            status["throttle"],
            serde_json::json!({
                "rate_bytes_per_second": 625_000, "owner": "alice", "owner_uid": 1000,
                "reason": "backup runs", "set_at": "2026-11-22T00:00:00Z",
                "expires_at": "2026-11-22T18:00:00Z",
            })
        );
        assert_eq!(
            status["pending_topups"],
            serde_json::json!([{
                "id": "00000000000000000000000000000001", "bytes": 10_000_000_000_u64,
                "owner": "", "owner_uid": 1001, "reason": "", "added_at": "2026-11-22T00:00:00Z",
            }])
        );
    }

    #[test]
    fn the_help_explains_every_key() {
        use clap::CommandFactory as _;

        let mut args = crate::args::Args::command();
        let help = args.find_subcommand_mut("status").unwrap().render_help();
        let help = help.to_string();
        let snapshot = Snapshot {
            links: vec![decided()],
            ..Snapshot::default()
        };
        let status: serde_json::Value = serde_json::from_str(&render(&snapshot).unwrap()).unwrap();
        let keys = status.as_object().unwrap().keys();
        let link = &status["links"][0];
        let within = [link, &link["throttle"], &link["pending_topups"][0]];
        let within = within
            .iter()
            .flat_map(|value| value.as_object().unwrap().keys());
        for key in keys.chain(within) {
            assert!(help.contains(&format!(" {key}")), "{key}\n{help}");
        }
    }
}

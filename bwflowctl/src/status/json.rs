//! The status for programs: one line, stable, versioned; keys may be added, none goes.

use serde::Serialize;

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
    /// When the state ends by itself. Nothing knows that in this version: what is held is let go
    /// when enough has accrued, which depends on what is sent.
    until: Option<String>,
}

/// One line with its line feed.
pub(super) fn render(snapshot: &Snapshot) -> Result<String, Failure> {
    let status = Status {
        version: 1,
        helper: presence(snapshot.has_helper),
        links: snapshot.links.iter().map(link).collect(),
        daemon: presence(snapshot.has_daemon),
    };
    let mut text =
        serde_json::to_string(&status).map_err(|error| Failure::Failed(error.to_string()))?;
    text.push('\n');
    Ok(text)
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
        until: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::ledger::LedgerView;

    use super::*;

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
             \"available_bytes\":-7,\"until\":null},\
             {\"interface\":\"wg0\",\"state\":\"blocked\",\"limit_bytes_per_second\":null,\
             \"reason\":\"htb 1: is in the way\",\"since\":null,\
             \"available_bytes\":null,\"until\":null}],\"daemon\":\"present\"}\n"
        );
        assert_eq!(
            render(&Snapshot::default()).unwrap(),
            "{\"version\":1,\"helper\":\"absent\",\"links\":[],\"daemon\":\"absent\"}\n"
        );
    }

    #[test]
    fn the_help_explains_every_key() {
        use clap::CommandFactory as _;

        let mut args = crate::args::Args::command();
        let help = args.find_subcommand_mut("status").unwrap().render_help();
        let help = help.to_string();
        let snapshot = Snapshot {
            links: vec![LinkRecord::default()],
            ..Snapshot::default()
        };
        let status: serde_json::Value = serde_json::from_str(&render(&snapshot).unwrap()).unwrap();
        let keys = status.as_object().unwrap().keys();
        for key in keys.chain(status["links"][0].as_object().unwrap().keys()) {
            assert!(help.contains(&format!("  {key}")), "{key}\n{help}");
        }
    }
}

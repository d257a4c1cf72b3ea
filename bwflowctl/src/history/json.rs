//! The past for programs: stable, versioned; keys may be added, none goes.

use bwflow_proto::history::{self, Resolution};
use serde::Serialize;

use super::Past;
use crate::failure::Failure;
use crate::time::rfc3339;

#[derive(Serialize)]
struct History<'a> {
    version: u32,
    resolution: &'a str,
    links: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Link<'a> {
    interface: &'a str,
    timezone: &'a str,
    counted: &'a str,
    rows: Vec<Row<'a>>,
    adjustments: Vec<Adjustment<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    start: Option<String>,
    end: Option<String>,
    tx_bytes: u64,
    rx_bytes: u64,
    used_bytes: u64,
    source: &'a str,
}

#[derive(Serialize)]
struct Adjustment<'a> {
    kind: &'a str,
    bytes: i64,
    owner: &'a str,
    reason: &'a str,
    at: Option<String>,
}

/// One document with a line feed at the end.
pub(super) fn render(pasts: &[Past], resolution: Resolution) -> Result<String, Failure> {
    let history = History {
        version: 1,
        resolution: resolution.as_str(),
        links: pasts.iter().map(link).collect(),
    };
    let mut text = serde_json::to_string_pretty(&history)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn link(past: &Past) -> Link<'_> {
    Link {
        interface: &past.interface,
        timezone: &past.timezone,
        counted: &past.counted,
        rows: past.rows.iter().map(row).collect(),
        adjustments: past.changes.iter().map(adjustment).collect(),
    }
}

fn row(row: &history::Row) -> Row<'_> {
    Row {
        start: rfc3339(row.start_usec),
        end: rfc3339(row.end_usec),
        tx_bytes: row.tx_bytes,
        rx_bytes: row.rx_bytes,
        used_bytes: row.used_bytes,
        source: &row.source,
    }
}

fn adjustment(change: &history::Change) -> Adjustment<'_> {
    Adjustment {
        kind: &change.kind,
        bytes: change.bytes,
        owner: &change.owner,
        reason: &change.reason,
        at: rfc3339(change.at_usec),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::history::tests::past;

    #[test]
    fn the_shape_is_the_documented_one() {
        let mut past = past();
        past.rows.truncate(1);
        past.changes.remove(0);
        let text = render(&[past], Resolution::Days).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"version": 1, "resolution": "days", "links": [{
                "interface": "wan0",
                "timezone": "Europe/Berlin",
                "counted": "tx",
                "rows": [{
                    "start": "2026-11-21T23:00:00Z",
                    "end": "2026-11-22T23:00:00Z",
                    "tx_bytes": 8_000_000_000_u64,
                    "rx_bytes": 800_000_000,
                    "used_bytes": 8_000_000_000_u64,
                    "source": "bwflow",
                }],
                "adjustments": [{
                    "kind": "correction",
                    "bytes": -2_000_000_000_i64,
                    "owner": "",
                    "reason": "",
                    "at": "2026-11-22T23:00:00Z",
                }],
            }]})
        );
    }

    #[test]
    fn no_past_is_empty_lists() {
        let past = Past {
            interface: "wan0".to_owned(),
            ..Past::default()
        };
        let text = render(&[past], Resolution::Hours).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["links"][0]["rows"], json!([]));
        assert_eq!(value["links"][0]["adjustments"], json!([]));
    }
}

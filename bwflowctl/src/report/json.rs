//! The report for programs: stable, versioned; keys may be added, none goes.

use serde::Serialize;

use crate::by_hand::{ClaimRecord, CorrectionRecord, TopUpRecord};
use crate::failure::Failure;
use crate::snapshot::LinkRecord;
use crate::time::rfc3339;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    links: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Period<'a> {
    start: Option<String>,
    end: Option<String>,
    timezone: &'a str,
}

/// Null stands for what is not known yet; in `limit_bytes_per_second` for no limit, in
/// `exhausted_at` for "not in this period".
#[derive(Serialize)]
struct Link<'a> {
    interface: &'a str,
    state: &'a str,
    period: Option<Period<'a>>,
    budget_bytes: Option<u64>,
    burst_bytes: Option<u64>,
    used_bytes: Option<u64>,
    accrued_bytes: Option<u64>,
    available_bytes: Option<i64>,
    drip_bytes_per_second: Option<u64>,
    limit_bytes_per_second: Option<u64>,
    source: Option<&'a str>,
    counted: Option<&'a str>,
    forecast_bytes: Option<u64>,
    exhausted_at: Option<String>,
    topup_bytes: Option<u64>,
    /// With `vnstat_bytes` and `live_bytes` this makes up `used_bytes`.
    correction_bytes: Option<i64>,
    /// Null unless networks are excluded, or were in this period.
    excluded_bytes: Option<u64>,
    /// Why those networks are charged all the same; null when they are not.
    exclusion_fault: Option<&'a str>,
    updated_at: Option<String>,
    tx_bytes: Option<u64>,
    rx_bytes: Option<u64>,
    state_since: Option<String>,
    throttle: Option<ClaimRecord<'a>>,
    #[serde(rename = "override")]
    override_claim: Option<ClaimRecord<'a>>,
    pending_topups: Vec<TopUpRecord<'a>>,
    pending_corrections: Vec<CorrectionRecord<'a>>,
    vnstat_bytes: Option<u64>,
    live_bytes: Option<u64>,
    /// The part of `correction_bytes` that agrees with a bill.
    bill_correction_bytes: Option<i64>,
    vnstat_dropped_bytes: Option<u64>,
    vnstat_invented_bytes: Option<u64>,
    /// Null while vnStat is not used, and so is when it last wrote.
    vnstat_version: Option<&'a str>,
    vnstat_updated_at: Option<String>,
    /// Why vnStat is not used though it is wanted.
    source_note: Option<&'a str>,
}

/// One document with a line feed at the end.
pub(super) fn render(links: &[LinkRecord]) -> Result<String, Failure> {
    let report = Report {
        version: 1,
        links: links.iter().map(link).collect(),
    };
    let mut text = serde_json::to_string_pretty(&report)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn link(record: &LinkRecord) -> Link<'_> {
    let ledger = record.ledger.as_ref();
    let limit = record.limit_bytes_per_second;
    Link {
        interface: &record.interface,
        state: &record.state,
        period: ledger.map(|ledger| Period {
            start: rfc3339(ledger.period_start_usec),
            end: rfc3339(ledger.period_end_usec),
            timezone: &ledger.timezone,
        }),
        budget_bytes: ledger.map(|ledger| ledger.budget_bytes),
        burst_bytes: ledger.map(|ledger| ledger.burst_bytes),
        used_bytes: ledger.map(|ledger| ledger.used_bytes),
        accrued_bytes: ledger.map(|ledger| ledger.accrued_bytes),
        available_bytes: record.available_bytes(),
        drip_bytes_per_second: record.drip_bytes_per_second(),
        limit_bytes_per_second: (limit != 0).then_some(limit),
        source: ledger.map(|ledger| ledger.source.as_str()),
        counted: record.counted(),
        forecast_bytes: ledger.map(|ledger| ledger.forecast_bytes),
        exhausted_at: ledger.and_then(|ledger| rfc3339(ledger.exhausted_at_usec)),
        topup_bytes: ledger.map(|ledger| ledger.topup_bytes),
        correction_bytes: ledger.map(|ledger| ledger.correction_bytes),
        excluded_bytes: ledger.and_then(|ledger| ledger.excluded_bytes),
        exclusion_fault: ledger.and_then(|ledger| ledger.exclusion_fault.as_deref()),
        updated_at: ledger.and_then(|ledger| rfc3339(ledger.updated_at_usec)),
        tx_bytes: ledger.map(|ledger| ledger.tx_bytes),
        rx_bytes: ledger.map(|ledger| ledger.rx_bytes),
        state_since: rfc3339(record.state_since_usec),
        throttle: record.throttle.as_ref().map(ClaimRecord::of),
        override_claim: record.override_claim.as_ref().map(ClaimRecord::of),
        pending_topups: TopUpRecord::among(&record.pending_top_ups),
        pending_corrections: CorrectionRecord::among(&record.pending_top_ups),
        vnstat_bytes: ledger.map(|ledger| ledger.vnstat_bytes),
        live_bytes: ledger.map(|ledger| ledger.live_bytes),
        bill_correction_bytes: ledger.map(|ledger| ledger.bill_correction_bytes),
        vnstat_dropped_bytes: ledger.map(|ledger| ledger.vnstat_dropped_bytes),
        vnstat_invented_bytes: ledger.map(|ledger| ledger.vnstat_invented_bytes),
        vnstat_version: ledger.and_then(|ledger| said(&ledger.vnstat_version)),
        vnstat_updated_at: ledger.and_then(|ledger| rfc3339(ledger.vnstat_updated_usec)),
        source_note: record.source_note(),
    }
}

fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::grant::Grant;
    use serde_json::{Value, json};

    use super::*;
    use crate::report::table::tests::{ledger, record};

    fn rendered(links: &[LinkRecord]) -> Value {
        serde_json::from_str(&render(links).unwrap()).unwrap()
    }

    #[test]
    fn the_shape_is_the_documented_one() {
        let mut eth0 = record("eth0", "throttled", Some(ledger()));
        eth0.limit_bytes_per_second = 18_667;
        assert_eq!(
            rendered(&[eth0]),
            json!({"version": 1, "links": [{
                "interface": "eth0",
                "state": "throttled",
                "period": {
                    "start": "2026-11-01T00:00:00Z",
                    "end": "2026-12-01T00:00:00Z",
                    "timezone": "UTC",
                },
                "budget_bytes": 100_000_000_000_u64,
                "burst_bytes": 50_000_000_000_u64,
                "used_bytes": 86_500_000_000_u64,
                "accrued_bytes": 85_300_000_000_u64,
                "available_bytes": -1_200_000_000_i64,
                "drip_bytes_per_second": 19_290,
                "limit_bytes_per_second": 18_667,
                "source": "kernel",
                "counted": "tx",
                "forecast_bytes": 122_000_000_000_u64,
                "exhausted_at": null,
                "topup_bytes": 0,
                "correction_bytes": 0,
                "excluded_bytes": null,
                "exclusion_fault": null,
                "updated_at": "2026-11-22T04:30:00Z",
                "tx_bytes": 86_500_000_000_u64,
                "rx_bytes": 3_000_000_000_u64,
                "state_since": "2026-11-22T00:00:00Z",
                "throttle": null,
                "override": null,
                "pending_topups": [],
                "pending_corrections": [],
                "vnstat_bytes": 0,
                "live_bytes": 86_500_000_000_u64,
                "bill_correction_bytes": 0,
                "vnstat_dropped_bytes": 0,
                "vnstat_invented_bytes": 0,
                "vnstat_version": null,
                "vnstat_updated_at": null,
                "source_note": null,
            }]})
        );
    }

    #[test]
    fn a_link_without_a_ledger_has_every_key() {
        let mut link = record("eth0", "open", None);
        link.grant = Some(Grant {
            count: "rx".to_owned(),
            available_bytes: 5,
            drip_bytes_per_second: 7,
            ..Grant::default()
        });
        let with = rendered(&[record("eth0", "open", Some(ledger()))]);
        let without = rendered(&[link]);
        let keys = |value: &Value| {
            let object = value["links"][0].as_object().unwrap();
            object.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&with), keys(&without));
        assert_eq!(without["links"][0]["available_bytes"], 5);
        assert_eq!(without["links"][0]["drip_bytes_per_second"], 7);
        assert_eq!(without["links"][0]["counted"], "rx");
        assert_eq!(without["links"][0]["used_bytes"], Value::Null);
        assert_eq!(without["links"][0]["limit_bytes_per_second"], Value::Null);
    }

    #[test]
    fn no_link_is_an_empty_list() {
        assert_eq!(rendered(&[]), json!({"version": 1, "links": []}));
    }
}

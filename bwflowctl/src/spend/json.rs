//! The money side for programs.

use bwflow_proto::money::Money;
use bwflow_proto::spend::{Finding, SpendView};
use serde::Serialize;

use crate::failure::Failure;
use crate::money::number;
use crate::time::rfc3339;

/// The document while the guard is switched off.
pub(super) const OFF: &str = "{\n  \"version\": 1,\n  \"enabled\": false\n}\n";

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    enabled: bool,
    azure_budget_name: Option<&'a str>,
    fallback_budget: Option<f64>,
    currency: &'a str,
    current_cost: Option<f64>,
    budget_limit: Option<f64>,
    percentage: Option<f64>,
    bandwidth_limit: Option<&'a str>,
    bitrate: Option<u32>,
    last_updated: Option<String>,
    budget_source: Option<&'a str>,
    jellyfin_host: Option<&'a str>,
    jellyfin_port: Option<u16>,
    knowledge: &'a str,
    estimated_now: Option<f64>,
    cost_reported_at: Option<String>,
    unreported_bytes: u64,
    price_per_gb: Option<f64>,
    budget_note: Option<&'a str>,
    period: Period,
    tier_since: Option<String>,
    tier_reason: Option<&'a str>,
    off: bool,
    interface: Option<&'a str>,
    link_rate_bytes_per_second: Option<u64>,
    cost_error: Option<&'a str>,
    cost_error_since: Option<String>,
    jellyfin: Jellyfin<'a>,
    findings: &'a [Finding],
    next_check: Option<String>,
    next_cost: Option<String>,
}

#[derive(Serialize)]
struct Period {
    start: Option<String>,
    end: Option<String>,
}

#[derive(Serialize)]
struct Jellyfin<'a> {
    state: &'a str,
    bitrate: Option<i64>,
    remote_access: Option<bool>,
    read_at: Option<String>,
    version: Option<&'a str>,
    error: Option<&'a str>,
    error_since: Option<String>,
}

/// One document with a line feed at the end.
pub(super) fn render(view: &SpendView) -> Result<String, Failure> {
    let amount = |micros: Option<i64>| micros.map(|micros| number(Money::from_micros(micros)));
    let document = Document {
        version: 1,
        enabled: true,
        azure_budget_name: said(&view.azure_budget_name),
        fallback_budget: amount(view.fallback_budget_micros),
        currency: &view.currency,
        current_cost: amount(view.cost_micros),
        budget_limit: amount(view.budget_micros),
        percentage: view.basis_points.map(percentage),
        bandwidth_limit: said(&view.tier),
        bitrate: some(view.bitrate_bits_per_second),
        last_updated: rfc3339(view.checked_at_usec),
        budget_source: said(&view.budget_source),
        jellyfin_host: said(&view.jellyfin_host),
        jellyfin_port: some(view.jellyfin_port),
        knowledge: &view.knowledge,
        estimated_now: amount(view.estimate_micros),
        cost_reported_at: rfc3339(view.cost_at_usec),
        unreported_bytes: view.unreported_bytes,
        price_per_gb: amount(view.price_per_gb_micros),
        budget_note: said(&view.budget_note),
        period: Period {
            start: rfc3339(view.period_start_usec),
            end: rfc3339(view.period_end_usec),
        },
        tier_since: rfc3339(view.tier_since_usec),
        tier_reason: said(&view.tier_reason),
        off: view.off,
        interface: said(&view.interface),
        link_rate_bytes_per_second: some(view.link_rate_bytes_per_second),
        cost_error: said(&view.cost_error),
        cost_error_since: rfc3339(view.cost_error_since_usec),
        jellyfin: Jellyfin {
            state: &view.jellyfin_state,
            bitrate: Some(view.jellyfin_bitrate).filter(|bitrate| *bitrate >= 0),
            remote_access: match view.jellyfin_remote_access.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            read_at: rfc3339(view.jellyfin_at_usec),
            version: said(&view.jellyfin_version),
            error: said(&view.jellyfin_error),
            error_since: rfc3339(view.jellyfin_error_since_usec),
        },
        findings: &view.findings,
        next_check: rfc3339(view.next_check_usec),
        next_cost: rfc3339(view.next_cost_usec),
    };
    let mut text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    Some(value).filter(|value| *value != T::default())
}

/// Percent of hundredths.
#[allow(clippy::cast_precision_loss)]
fn percentage(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::spend::screen::tests::view;

    fn rendered(view: &SpendView) -> Value {
        serde_json::from_str(&render(view).unwrap()).unwrap()
    }

    #[test]
    fn the_shape_is_the_documented_one() {
        assert_eq!(
            rendered(&view()),
            json!({
                "version": 1,
                "enabled": true,
                "azure_budget_name": "Monthly-Bandwidth-Limit",
                "fallback_budget": 150.0,
                "currency": "USD",
                "current_cost": 90.23,
                "budget_limit": 150.0,
                "percentage": 62.82,
                "bandwidth_limit": "medium",
                "bitrate": 2_000_000,
                "last_updated": "2026-11-22T04:30:00Z",
                "budget_source": "azure_budget_api",
                "jellyfin_host": "10.0.0.2",
                "jellyfin_port": 8080,
                "knowledge": "fresh",
                "estimated_now": 94.23,
                "cost_reported_at": "2026-11-22T02:00:00Z",
                "unreported_bytes": 45_977_011_494_u64,
                "price_per_gb": 0.087,
                "budget_note": null,
                "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
                "tier_since": "2026-11-20T00:00:00Z",
                "tier_reason": "62.82 % of the budget is more than 50 %",
                "off": false,
                "interface": "eth0",
                "link_rate_bytes_per_second": 2_500_000,
                "cost_error": null,
                "cost_error_since": null,
                "jellyfin": {
                    "state": "held",
                    "bitrate": 2_000_000,
                    "remote_access": true,
                    "read_at": "2026-11-22T04:30:00Z",
                    "version": "10.11.11",
                    "error": null,
                    "error_since": null,
                },
                "findings": [],
                "next_check": "2026-11-22T05:30:00Z",
                "next_cost": "2026-11-22T06:00:00Z",
            })
        );
    }

    #[test]
    fn what_is_not_known_is_null_and_never_zero() {
        let nothing = rendered(&SpendView {
            jellyfin_bitrate: -1,
            ..SpendView::default()
        });
        let all = rendered(&view());
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&nothing), keys(&all));
        for key in [
            "current_cost",
            "budget_limit",
            "percentage",
            "bitrate",
            "last_updated",
        ] {
            assert_eq!(nothing[key], Value::Null, "{key}");
        }
        assert_eq!(nothing["jellyfin"]["bitrate"], Value::Null);
        let off: Value = serde_json::from_str(OFF).unwrap();
        assert_eq!(off, json!({"version": 1, "enabled": false}));
    }
}

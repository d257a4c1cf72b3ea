//! What everybody may know of the guard.

use bwflow_proto::config::{Spend, Tier};
use bwflow_proto::spend::SpendView;

use super::decision::Decision;
use super::record::Record;
use crate::jellyfin::Outcome;

/// All that the view is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    pub(super) config: &'a Spend,
    pub(super) record: &'a Record,
    pub(super) decision: &'a Decision,
    pub(super) tier: Option<&'a Tier>,
    pub(super) unreported_bytes: u64,
    pub(super) outcome: &'a Outcome,
    /// When the media server was last read back.
    pub(super) seen_usec: i64,
    /// Now.
    pub(super) usec: i64,
    /// From now, microseconds.
    pub(super) next_check_usec: i64,
    /// From now, microseconds.
    pub(super) next_cost_usec: i64,
}

/// What everybody may know.
pub(super) fn view(of: &Sources<'_>) -> SpendView {
    let Sources {
        config,
        record,
        decision,
        tier,
        outcome,
        ..
    } = *of;
    let budget = record.budget.as_ref().map(|it| &it.budget);
    // A cost of a period that is over is none of this one.
    let is_of_now = decision.known.knowledge != bwflow_proto::spend::Knowledge::Unknown;
    let figure = record.figure.as_ref().filter(|_| is_of_now);
    let period = figure
        .map(|figure| figure.period)
        .or_else(|| record.server.as_ref().map(|server| server.period))
        .or_else(|| budget.map(|budget| budget.period));
    let (host, port) = config
        .jellyfin
        .as_ref()
        .map_or_else(Default::default, |jellyfin| place(&jellyfin.url));
    let (cost_failing, media_failing) = (&record.asking.failing, &record.media_failing);
    let link_rate = tier.and_then(|tier| tier.link_rate);
    SpendView {
        knowledge: decision.known.knowledge.word().to_owned(),
        currency: config.currency.clone(),
        azure_budget_name: config.azure.budget_name.clone().unwrap_or_default(),
        fallback_budget_micros: config.azure.fallback_budget.map(|it| it.micros),
        budget_micros: budget.map(|it| it.amount.micros),
        budget_source: budget.map_or_else(String::new, |it| it.source.word().to_owned()),
        budget_note: budget.map_or_else(String::new, |it| it.note.clone()),
        period_start_usec: period.map_or(0, |it| unsigned(it.start_usec)),
        period_end_usec: period.map_or(0, |it| unsigned(it.end_usec)),
        cost_micros: figure.map(|it| it.micros),
        cost_at_usec: figure.map_or(0, |it| unsigned(it.server_usec)),
        estimate_micros: decision.estimate.map(|it| it.micros),
        unreported_bytes: of.unreported_bytes,
        price_per_gb_micros: config.price_per_gb.map(|it| it.micros),
        basis_points: decision.share,
        tier: tier.map_or_else(String::new, |tier| tier.name.clone()),
        tier_since_usec: unsigned(record.standing.since_usec),
        tier_reason: record.standing.reason.clone(),
        bitrate_bits_per_second: tier.and_then(|tier| tier.bitrate).unwrap_or(0),
        off: tier.is_some_and(|tier| tier.off),
        interface: config.interface.clone().unwrap_or_default(),
        link_rate_bytes_per_second: link_rate.unwrap_or(0),
        jellyfin_host: host,
        jellyfin_port: port,
        jellyfin_state: outcome.state.word().to_owned(),
        jellyfin_bitrate: outcome.bitrate.map_or(-1, |it| it.max(0)),
        jellyfin_remote_access: match outcome.remote_access {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => String::new(),
        },
        jellyfin_at_usec: unsigned(of.seen_usec),
        jellyfin_version: outcome.version.clone().unwrap_or_default(),
        jellyfin_error: media_failing
            .as_ref()
            .map_or_else(String::new, |it| it.text.clone()),
        jellyfin_error_since_usec: media_failing
            .as_ref()
            .map_or(0, |it| unsigned(it.since_usec)),
        findings: outcome.findings.clone(),
        cost_error: cost_failing
            .as_ref()
            .map_or_else(String::new, |it| it.text.clone()),
        cost_error_since_usec: cost_failing
            .as_ref()
            .map_or(0, |it| unsigned(it.since_usec)),
        checked_at_usec: unsigned(of.usec),
        next_check_usec: unsigned(of.usec.saturating_add(of.next_check_usec)),
        next_cost_usec: unsigned(of.usec.saturating_add(of.next_cost_usec)),
    }
}

/// Host and port of a base address; nothing and 0 of one that makes no sense.
fn place(url: &str) -> (String, u16) {
    let Ok(url) = reqwest::Url::parse(url) else {
        return Default::default();
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    (host, url.port_or_known_default().unwrap_or(0))
}

fn unsigned(usec: i64) -> u64 {
    u64::try_from(usec).unwrap_or(0)
}

//! Which keys stand in which table.

/// The tables of the file.
pub(super) const ROOT: &[&str] = &[
    "bandwidth",
    "network",
    "link",
    "daemon",
    "throttle",
    "accounting",
    "alerts",
    "spend",
    "bandwidth_monitor",
    "jellyfin",
];

pub(super) const BANDWIDTH: &[&str] = &[
    "monthly_budget_gb",
    "monthly_budget",
    "pre_charge_gb",
    "pre_charge",
    "billing_day",
    "timezone",
    "count",
    "exclude",
];

pub(super) const THROTTLE: &[&str] = &["rate", "min_rate"];

/// What [`BANDWIDTH`] and [`THROTTLE`] hold, and the name.
pub(super) const LINK: &[&str] = &[
    "interface",
    "monthly_budget_gb",
    "monthly_budget",
    "pre_charge_gb",
    "pre_charge",
    "billing_day",
    "timezone",
    "count",
    "exclude",
    "rate",
    "min_rate",
];

pub(super) const NETWORK: &[&str] = &["interface"];
pub(super) const DAEMON: &[&str] = &["poll_interval_seconds"];
pub(super) const ACCOUNTING: &[&str] = &["source"];
pub(super) const ALERTS: &[&str] = &["at_percent"];

pub(super) const SPEND: &[&str] = &[
    "enabled",
    "check_interval",
    "cost_interval",
    "stale_after",
    "cost_delay",
    "hysteresis_percent",
    "price_per_gb",
    "currency",
    "interface",
    "azure",
    "tier",
    "jellyfin",
];

pub(super) const AZURE: &[&str] = &[
    "budget_name",
    "fallback_budget",
    "subscription_id",
    "resource_group",
    "client_id",
    "object_id",
    "msi_res_id",
    "cloud",
    "endpoint",
    "imds_endpoint",
];

pub(super) const TIER: &[&str] = &["name", "up_to_percent", "bitrate", "link_rate", "off"];

/// `api_key` is known so that it is refused with its cure.
pub(super) const JELLYFIN: &[&str] = &["url", "host_header", "api_key_file", "message", "api_key"];

/// The other spelling of [`SPEND`], [`AZURE`] and [`TIER`].
pub(super) const BANDWIDTH_MONITOR: &[&str] = &[
    "enabled",
    "azure_budget_name",
    "fallback_budget",
    "thresholds",
    "limits",
];

pub(super) const THRESHOLDS: &[&str] = &["high", "disabled"];
pub(super) const LIMITS: &[&str] = &["high", "medium", "disabled"];

/// [`JELLYFIN`] beside [`BANDWIDTH_MONITOR`].
pub(super) const JELLYFIN_BESIDE: &[&str] = &[
    "url",
    "host_header",
    "api_key_file",
    "message",
    "api_key",
    "subdomain",
];

/// Every key of the file that is of use in this version, by its table as it is written.
pub fn keys() -> Vec<(&'static str, Vec<&'static str>)> {
    let tables = [
        ("[bandwidth]", BANDWIDTH),
        ("[network]", NETWORK),
        ("[[link]]", LINK),
        ("[daemon]", DAEMON),
        ("[throttle]", THROTTLE),
        ("[accounting]", ACCOUNTING),
        ("[alerts]", ALERTS),
        ("[spend]", SPEND),
        ("[spend.azure]", AZURE),
        ("[[spend.tier]]", TIER),
        ("[spend.jellyfin]", JELLYFIN),
        ("[bandwidth_monitor]", BANDWIDTH_MONITOR),
        ("[bandwidth_monitor.thresholds]", THRESHOLDS),
        ("[bandwidth_monitor.limits]", LIMITS),
        ("[jellyfin]", JELLYFIN_BESIDE),
    ];
    tables
        .into_iter()
        .map(|(table, keys)| {
            (
                table,
                keys.iter().copied().filter(|key| is_offered(key)).collect(),
            )
        })
        .collect()
}

/// Understood, but not proposed to anybody: what is refused with its cure.
const NOT_OFFERED: &[&str] = &["bandwidth_monitor", "api_key", "subdomain"];

/// Whether a hint may speak of the word.
pub(super) fn is_offered(word: &str) -> bool {
    !NOT_OFFERED.contains(&word)
}

/// A right value of a key, as it stands in the file.
pub(super) fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "monthly_budget_gb" => "100",
        "monthly_budget" => "\"100 GB\"",
        "pre_charge_gb" => "50",
        "pre_charge" => "\"50 GB\"",
        "billing_day" => "1",
        "timezone" => "\"Europe/Berlin\"",
        "count" => "\"tx\"",
        "exclude" => "[\"10.0.0.0/8\"]",
        "interface" => "\"eth0\"",
        "rate" => "\"drip\"",
        "min_rate" => "\"64 kbit/s\"",
        "poll_interval_seconds" => "15",
        "source" => "\"auto\"",
        "at_percent" => "[50, 80, 95, 100]",
        "enabled" => "true",
        "check_interval" => "\"1h\"",
        "cost_interval" => "\"4h\"",
        "stale_after" => "\"36h\"",
        "cost_delay" => "\"24h\"",
        "hysteresis_percent" => "2",
        "price_per_gb" => "0.087",
        "currency" => "\"USD\"",
        "budget_name" | "azure_budget_name" => "\"Monthly-Bandwidth-Limit\"",
        "fallback_budget" => "150.00",
        "cloud" => "\"public\"",
        "name" => "\"medium\"",
        "up_to_percent" => "90",
        "bitrate" => "\"2 Mbit/s\"",
        "link_rate" => "\"20 Mbit/s\"",
        "off" => "true",
        "url" => "\"http://10.0.0.2:8096\"",
        "host_header" => "\"jellyfin.example.com\"",
        "api_key_file" => "\"/etc/bwflow/jellyfin-api-key\"",
        _ => return None,
    })
}

/// The table a key belongs in, as it is written.
pub(super) fn home(key: &str) -> Option<&'static str> {
    [
        ("[bandwidth]", BANDWIDTH),
        ("[network]", NETWORK),
        ("[throttle]", THROTTLE),
        ("[daemon]", DAEMON),
        ("[accounting]", ACCOUNTING),
        ("[alerts]", ALERTS),
        ("[[spend.tier]]", TIER),
        ("[spend.azure]", AZURE),
        ("[spend.jellyfin]", JELLYFIN),
        ("[spend]", SPEND),
    ]
    .into_iter()
    .find_map(|(table, keys)| (is_offered(key) && keys.contains(&key)).then_some(table))
}

/// The known word for what others call `word`, where no likeness of letters leads there.
pub(super) fn synonym(word: &str) -> Option<&'static str> {
    (word == "resource_id").then_some("msi_res_id")
}

/// The known word that `word` was most likely meant to be.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Distances grow with the square of the length, and no word of ours is longer.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let lower = candidate.to_ascii_lowercase();
            (candidate, strsim::jaro_winkler(&word, &lower))
        })
        .filter(|(_, likeness)| *likeness > 0.86)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_takes_every_key_of_the_defaults() {
        for key in BANDWIDTH.iter().chain(THROTTLE) {
            assert!(LINK.contains(key), "{key}");
        }
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        assert_eq!(nearest("bandwith", ROOT.iter().copied()), Some("bandwidth"));
        assert_eq!(nearest("links", ROOT.iter().copied()), Some("link"));
        assert_eq!(
            nearest("biling_day", LINK.iter().copied()),
            Some("billing_day")
        );
        assert_eq!(nearest("colour", LINK.iter().copied()), None);
        assert_eq!(nearest("", LINK.iter().copied()), None);
    }
}

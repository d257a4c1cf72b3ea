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

/// Known so that a misspelt `enabled` is not passed over in silence.
pub(super) const SPEND: &[&str] = &[
    "enabled",
    "check_interval",
    "cost_interval",
    "stale_after",
    "price_per_gb",
    "currency",
    "azure",
    "tier",
    "jellyfin",
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

/// Read, so that a file of a later version is understood, but of no use in this one.
const NOT_OFFERED: &[&str] = &[
    "spend",
    "check_interval",
    "cost_interval",
    "stale_after",
    "price_per_gb",
    "currency",
    "azure",
    "tier",
    "jellyfin",
];

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
        "enabled" => "false",
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
    ]
    .into_iter()
    .find_map(|(table, keys)| (is_offered(key) && keys.contains(&key)).then_some(table))
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

//! What providers include in their plans. Figures change: each has its source and the day it was seen.

use bwflow_proto::count::Count;
use bwflow_proto::units::format_bytes_exact;
use serde::Serialize;

use crate::failure::Failure;
use crate::grid::{Column, Grid};

/// A provider's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    pub(super) name: &'static str,
    pub(super) provider: &'static str,
    /// Bytes a period.
    pub(super) budget: u64,
    pub(super) count: Count,
    pub(super) billing_day: i8,
    pub(super) timezone: &'static str,
    /// What it holds for.
    pub(super) note: &'static str,
    pub(super) source: &'static str,
    /// When the source was read. Few are the providers' own pages, and those may be older copies.
    pub(super) seen: &'static str,
}

const GB: u64 = 1_000_000_000;
const TB: u64 = 1000 * GB;

/// Where a provider says TB or GB without more, the smaller unit is taken: it errs on the safe side.
const fn monthly(
    name: &'static str,
    provider: &'static str,
    budget: u64,
    note: &'static str,
    source: &'static str,
) -> Preset {
    Preset {
        name,
        provider,
        budget,
        count: Count::Tx,
        billing_day: 1,
        timezone: "UTC",
        note,
        source,
        seen: "2026-11-22",
    }
}

/// All of them, by name.
pub(super) const PRESETS: &[Preset] = &[
    monthly(
        "aws",
        "Amazon Web Services",
        100 * GB,
        "outbound to the internet, per account, all regions together",
        "https://repost.aws/questions/QUAT1NfOeZSAK5z8KXXO9jgA/do-amazon-aws-ec-2-free-tier-have-a-bandwidth-limit",
    ),
    monthly(
        "azure",
        "Microsoft Azure",
        100 * GB,
        "outbound to the internet, per account",
        "https://anodot.com/blog/azure-bandwidth-pricing",
    ),
    monthly(
        "azure-student",
        "Microsoft Azure",
        15 * GB,
        "free account and students: outbound, first twelve months",
        "https://github.com/ypq123456789/TrafficCop",
    ),
    monthly(
        "digitalocean",
        "DigitalOcean",
        1000 * GB,
        "outbound of a small Droplet, shared by a team's Droplets; larger plans have more",
        "https://docs.digitalocean.com/products/droplets/",
    ),
    monthly(
        "gcp-free",
        "Google Cloud",
        GB,
        "free tier: outbound from North America",
        "https://vpsrankings.com/en/articles/pzdbp7ki-google-cloud-free-trial-unexpected-charges-why-one-vps",
    ),
    monthly(
        "gcp-standard",
        "Google Cloud",
        200 * GB,
        "standard network tier: outbound, per region",
        "https://github.com/ypq123456789/TrafficCop",
    ),
    monthly(
        "hetzner-eu",
        "Hetzner Cloud",
        20 * TB,
        "outbound of a server in the EU; elsewhere plans have less",
        "https://github.com/devantler-tech/platform/commit/cb791c6f",
    ),
    monthly(
        "linode",
        "Linode (Akamai)",
        TB,
        "outbound of the smallest plan, shared by an account's servers; larger plans have up to 20 TB",
        "https://www.linode.com/community/questions/18918/how-does-the-monthly-network-transfer-pool-work",
    ),
    monthly(
        "oracle",
        "Oracle Cloud",
        10 * TB,
        "outbound to the internet, per tenancy, also of Always Free",
        "https://oraclenegotiations.pages.dev/blog/cloud-negotiation/oracle-cloud-data-egress-negotiation/",
    ),
];

/// The preset of that name.
///
/// # Errors
/// The nearest name there is.
pub(crate) fn preset(name: &str) -> Result<Preset, String> {
    let wanted = name.trim().to_ascii_lowercase();
    if let Some(preset) = PRESETS.iter().find(|preset| preset.name == wanted) {
        return Ok(*preset);
    }
    let likeness = |preset: &&Preset| strsim::jaro_winkler(&wanted, preset.name);
    let near = PRESETS
        .iter()
        .filter(|_| wanted.len() <= 64)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|preset| likeness(preset) > 0.7);
    let hint = near.map_or_else(String::new, |near| format!("did you mean {}? ", near.name));
    Err(format!(
        "no such preset; {hint}`bwflowctl init --list-presets` shows all"
    ))
}

/// A table of all of them.
pub(super) fn table() -> String {
    let mut plans = Grid::new(vec![
        ("PRESET", Column::Words),
        ("BUDGET", Column::Figures),
        ("COUNTED", Column::Words),
        ("DAY", Column::Figures),
        ("TIME ZONE", Column::Words),
        ("WHAT IT HOLDS FOR", Column::Words),
    ]);
    let mut sources = Grid::new(vec![
        ("PRESET", Column::Words),
        ("SEEN", Column::Words),
        ("SOURCE", Column::Words),
    ]);
    for preset in PRESETS {
        plans.push(vec![
            preset.name.to_owned(),
            format_bytes_exact(preset.budget),
            preset.count.to_string(),
            preset.billing_day.to_string(),
            preset.timezone.to_owned(),
            format!("{}: {}", preset.provider, preset.note),
        ]);
        sources.push(
            [preset.name, preset.seen, preset.source]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    format!(
        "{}\n{}\nPlans change: see what yours says before you rely on a preset.\n",
        plans.render(false),
        sources.render(false)
    )
}

#[derive(Serialize)]
struct All {
    version: u32,
    presets: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    name: &'static str,
    provider: &'static str,
    budget_bytes: u64,
    counted: &'static str,
    billing_day: i8,
    timezone: &'static str,
    note: &'static str,
    source: &'static str,
    seen: &'static str,
}

/// The same for programs: one document.
pub(super) fn json() -> Result<String, Failure> {
    let told = |preset: &Preset| Told {
        name: preset.name,
        provider: preset.provider,
        budget_bytes: preset.budget,
        counted: preset.count.as_str(),
        billing_day: preset.billing_day,
        timezone: preset.timezone,
        note: preset.note,
        source: preset.source,
        seen: preset.seen,
    };
    let all = All {
        version: 1,
        presets: PRESETS.iter().map(told).collect(),
    };
    let text = serde_json::to_string_pretty(&all);
    text.map(|text| text + "\n")
        .map_err(|error| Failure::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::init::answers::{billing_day, timezone};

    #[test]
    fn every_preset_is_sound_and_says_where_it_is_from() {
        let mut names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let in_file = names.clone();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, in_file, "by name, none twice");
        for preset in PRESETS {
            assert!(preset.budget >= GB, "{preset:?}");
            assert!(billing_day(&preset.billing_day.to_string()).is_ok());
            assert_eq!(timezone(preset.timezone).as_deref(), Ok(preset.timezone));
            assert!(preset.source.starts_with("https://"), "{preset:?}");
            assert!(
                preset.seen.parse::<jiff::civil::Date>().is_ok(),
                "{preset:?}"
            );
            assert!(!preset.note.is_empty());
        }
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_name() {
        assert_eq!(preset("Azure").unwrap().budget, 100 * GB);
        assert!(preset("azur").unwrap_err().contains("did you mean azure?"));
        assert!(preset("hetzer-eu").unwrap_err().contains("hetzner-eu"));
        assert!(!preset("qqq").unwrap_err().contains("did you mean"));
    }
}

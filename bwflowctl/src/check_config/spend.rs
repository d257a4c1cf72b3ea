//! What the configuration says of the spend guard.

use std::os::unix::fs::PermissionsExt as _;

use bwflow_proto::config::{Config, Jellyfin, Problem, Severity, Spend, Tier};
use bwflow_proto::units::{format_bit_rate, format_duration, format_rate};
use serde::Serialize;

use crate::host::files::Files;
use crate::money::{number, percent, shown};

/// Where systemd looks for a credential that is not told a path.
const CREDENTIALS: [&str; 6] = [
    "/etc/credstore/jellyfin-api-key",
    "/run/credstore/jellyfin-api-key",
    "/usr/lib/credstore/jellyfin-api-key",
    "/etc/credstore.encrypted/jellyfin-api-key",
    "/run/credstore.encrypted/jellyfin-api-key",
    "/usr/lib/credstore.encrypted/jellyfin-api-key",
];

/// A paragraph about the guard; nothing while it is off.
pub(super) fn paragraph(spend: Option<&Spend>) -> String {
    let Some(spend) = spend else {
        return String::new();
    };
    let price = match (spend.price_per_gb, &spend.interface) {
        (Some(price), Some(interface)) => format!(
            "{} per GB that {interface} sends{}",
            shown(price, &spend.currency),
            source(spend).map_or_else(String::new, |source| format!(" ({source})"))
        ),
        _ => "none, so that nothing is estimated between two cost figures".to_owned(),
    };
    let jellyfin = spend
        .jellyfin
        .as_ref()
        .map_or_else(|| "none".to_owned(), server);
    let mut lines = vec![
        String::new(),
        format!(
            "The spend guard is on: it looks every {} and asks for the cost every {}.",
            format_duration(spend.check_interval),
            format_duration(spend.cost_interval)
        ),
        format!("  budget    {}", budget(spend)),
        format!("  price     {price}"),
        format!("  Jellyfin  {jellyfin}"),
    ];
    let mut from = None;
    for tier in &spend.tiers {
        lines.push(format!(
            "  {}: {}: {}",
            edge(from, tier.up_to),
            tier.name,
            effect(tier, spend)
        ));
        from = tier.up_to;
    }
    lines.push(format!(
        "  back up {} below an edge; without a cost for {}: one tier down",
        percent(spend.hysteresis.into()),
        format_duration(spend.stale_after)
    ));
    lines.join("\n") + "\n"
}

fn source(spend: &Spend) -> Option<String> {
    let preset = spend.price_preset?;
    Some(format!(
        "{}, {}: {}",
        preset.name, preset.date, preset.source
    ))
}

fn budget(spend: &Spend) -> String {
    let fallback = spend
        .azure
        .fallback_budget
        .map(|it| shown(it, &spend.currency));
    match (&spend.azure.budget_name, fallback) {
        (Some(name), Some(fallback)) => format!("{name} as Azure has it, else {fallback}"),
        (Some(name), None) => format!("{name} as Azure has it"),
        (None, Some(fallback)) => format!("Azure's only one that fits, else {fallback}"),
        (None, None) => "Azure's only one that fits".to_owned(),
    }
}

fn server(jellyfin: &Jellyfin) -> String {
    let host = jellyfin
        .host_header
        .as_ref()
        .map(|host| format!(" as {host}"));
    let key = match &jellyfin.api_key_file {
        Some(path) => format!("key in {}", path.display()),
        None => "key in the credential jellyfin-api-key".to_owned(),
    };
    format!("{}{}, {key}", jellyfin.url, host.unwrap_or_default())
}

fn edge(from: Option<u32>, up_to: Option<u32>) -> String {
    match (from, up_to) {
        (None, None) => "always".to_owned(),
        (None, Some(up_to)) => format!("up to {}", percent(up_to.into())),
        (Some(from), Some(up_to)) => {
            format!(
                "above {} up to {}",
                percent(from.into()),
                percent(up_to.into())
            )
        }
        (Some(from), None) => format!("above {}", percent(from.into())),
    }
}

fn effect(tier: &Tier, spend: &Spend) -> String {
    let mut effects = Vec::new();
    match tier.bitrate {
        _ if tier.off => effects.push("remote streaming off".to_owned()),
        Some(rate) => effects.push(format!("{} a remote stream", format_bit_rate(rate.into()))),
        None => {}
    }
    if let (Some(rate), Some(interface)) = (tier.link_rate, &spend.interface) {
        effects.push(format!("{interface} capped to {}", format_rate(rate)));
    }
    if effects.is_empty() {
        "no limit".to_owned()
    } else {
        effects.join(", ")
    }
}

/// A note on the file with Jellyfin's key, if it is not there or others can read it, as far as the
/// caller may see that.
pub(super) fn key_file(config: &Config, files: &Files) -> Option<Problem> {
    let jellyfin = config.spend.as_ref()?.jellyfin.as_ref()?;
    let named = jellyfin
        .api_key_file
        .as_ref()
        .map(|path| path.display().to_string());
    let candidates: Vec<&str> = match &named {
        Some(path) => vec![path],
        None => CREDENTIALS.to_vec(),
    };
    let note = |message: String, hint: String| {
        Some(Problem {
            severity: Severity::Note,
            message,
            span: None,
            hint: Some(hint),
        })
    };
    for path in &candidates {
        match std::fs::metadata(files.path(path)) {
            Ok(found) if !found.is_file() => {
                return note(
                    format!("{path} is no file, so it holds no API key"),
                    "put Jellyfin's API key, and nothing else, into a file".to_owned(),
                );
            }
            Ok(found)
                if found.permissions().mode() & 0o077 != 0 && !path.contains(".encrypted") =>
            {
                // A credential is opened by systemd, which does not mind.
                let refused = named.as_ref().map_or("", |_| ": bwflow-helper refuses it");
                return note(
                    format!(
                        "others than its owner may use the API key in {path} (mode {:04o}){refused}",
                        found.permissions().mode() & 0o7777
                    ),
                    format!("chmod 0600 {path}, and make a new key if somebody may have read it"),
                );
            }
            Ok(_) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // It cannot be seen from here.
            Err(_) => return None,
        }
    }
    let path = candidates.first()?;
    // systemd reads the credential as root, a file of one's own is read by the helper.
    let owner = named
        .as_ref()
        .map_or("", |_| "-o bwflow-helper -g bwflow-helper ");
    note(
        format!("there is no {path}: without an API key Jellyfin cannot be asked anything"),
        format!(
            "make a key in Jellyfin's dashboard under API Keys, and paste it, then Ctrl-D, into: \
             `sudo install -D {owner}-m 0600 /dev/stdin {path}`"
        ),
    )
}

/// The guard for programs.
#[derive(Serialize)]
pub(super) struct Guard<'a> {
    check_interval_seconds: u64,
    cost_interval_seconds: u64,
    stale_after_seconds: u64,
    cost_delay_seconds: u64,
    hysteresis_percent: f64,
    currency: &'a str,
    azure_budget_name: Option<&'a str>,
    fallback_budget: Option<f64>,
    price_per_gb: Option<f64>,
    /// Null for a price of one's own.
    price_source: Option<String>,
    interface: Option<&'a str>,
    tiers: Vec<Step<'a>>,
    jellyfin: Option<Server<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    name: &'a str,
    up_to_percent: Option<f64>,
    /// Null for no limit.
    bitrate_bits_per_second: Option<u32>,
    link_rate_bytes_per_second: Option<u64>,
    off: bool,
}

#[derive(Serialize)]
struct Server<'a> {
    url: &'a str,
    host_header: Option<&'a str>,
    /// Null for the credential.
    api_key_file: Option<String>,
}

pub(super) fn guard(spend: &Spend) -> Guard<'_> {
    let tiers = spend.tiers.iter().map(|tier| Step {
        name: &tier.name,
        up_to_percent: tier.up_to.map(|up_to| f64::from(up_to) / 100.0),
        bitrate_bits_per_second: tier.bitrate,
        link_rate_bytes_per_second: tier.link_rate,
        off: tier.off,
    });
    Guard {
        check_interval_seconds: spend.check_interval.as_secs(),
        cost_interval_seconds: spend.cost_interval.as_secs(),
        stale_after_seconds: spend.stale_after.as_secs(),
        cost_delay_seconds: spend.cost_delay.as_secs(),
        hysteresis_percent: f64::from(spend.hysteresis) / 100.0,
        currency: &spend.currency,
        azure_budget_name: spend.azure.budget_name.as_deref(),
        fallback_budget: spend.azure.fallback_budget.map(number),
        price_per_gb: spend.price_per_gb.map(number),
        price_source: source(spend),
        interface: spend.interface.as_deref(),
        tiers: tiers.collect(),
        jellyfin: spend.jellyfin.as_ref().map(|jellyfin| Server {
            url: &jellyfin.url,
            host_header: jellyfin.host_header.as_deref(),
            api_key_file: jellyfin
                .api_key_file
                .as_ref()
                .map(|path| path.display().to_string()),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, Permissions};

    use super::*;

    const TEXT: &str = "bandwidth.monthly_budget_gb = 100\nnetwork.interface = \"eth0\"\n[spend]\n\
        enabled = true\nprice_per_gb = 0.087\n[spend.azure]\nbudget_name = \"Monthly\"\n\
        fallback_budget = 150\n[[spend.tier]]\nname = \"high\"\nup_to_percent = 50\n\
        bitrate = \"4 Mbit/s\"\n[[spend.tier]]\nname = \"medium\"\nup_to_percent = 90\n\
        bitrate = \"2 Mbit/s\"\nlink_rate = \"20 Mbit/s\"\n[[spend.tier]]\nname = \"disabled\"\n\
        off = true\n[spend.jellyfin]\nurl = \"http://10.0.0.2:8080\"\nhost_header = \"j.example\"\n";

    fn config(text: &str) -> Config {
        Config::parse(text).unwrap().0
    }

    #[test]
    fn each_tier_is_told_with_its_edge() {
        let config = config(TEXT);
        assert_eq!(
            paragraph(config.spend.as_ref()),
            "
The spend guard is on: it looks every 1h and asks for the cost every 4h.
  budget    Monthly as Azure has it, else 150.00 USD
  price     0.087 USD per GB that eth0 sends
  Jellyfin  http://10.0.0.2:8080 as j.example, key in the credential jellyfin-api-key
  up to 50 %: high: 4 Mbit/s a remote stream
  above 50 % up to 90 %: medium: 2 Mbit/s a remote stream, eth0 capped to 20 Mbit/s
  above 90 %: disabled: remote streaming off, eth0 capped to 20 Mbit/s
  back up 2 % below an edge; without a cost for 1d12h: one tier down
"
        );
        assert_eq!(paragraph(None), "");
    }

    #[test]
    fn programs_get_the_same() {
        let config = config(&TEXT.replace("0.087", "\"azure-zone1\""));
        let guard = serde_json::to_value(guard(config.spend.as_ref().unwrap())).unwrap();
        assert_eq!(guard["price_per_gb"], 0.087);
        assert!(
            guard["price_source"]
                .as_str()
                .unwrap()
                .starts_with("azure-zone1, 2026-")
        );
        assert_eq!(guard["tiers"][1]["up_to_percent"], 90.0);
        assert_eq!(guard["tiers"][1]["link_rate_bytes_per_second"], 2_500_000);
        assert_eq!(guard["tiers"][2]["off"], true);
        assert_eq!(guard["fallback_budget"], 150.0);
        assert_eq!(guard["jellyfin"]["url"], "http://10.0.0.2:8080");
    }

    #[test]
    fn a_key_that_is_absent_or_open_to_others_is_noted() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::new(directory.path());
        let message = |config: &Config| key_file(config, &files).map(|note| note.message);
        let hint = |config: &Config| key_file(config, &files).unwrap().hint.unwrap();
        let config = config(TEXT);
        assert!(
            message(&config)
                .unwrap()
                .starts_with("there is no /etc/credstore/jellyfin-api-key")
        );
        assert!(
            hint(&config)
                .ends_with("`sudo install -D -m 0600 /dev/stdin /etc/credstore/jellyfin-api-key`")
        );
        let path = files.path(CREDENTIALS[0]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            message(&config).unwrap(),
            "others than its owner may use the API key in /etc/credstore/jellyfin-api-key (mode 0640)"
        );
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(message(&config), None);
        let own = TEXT.to_owned() + "api_key_file = \"/srv/key\"\n";
        let own = self::config(&own);
        assert!(message(&own).unwrap().starts_with("there is no /srv/key"));
        assert!(hint(&own).ends_with(
            "`sudo install -D -o bwflow-helper -g bwflow-helper -m 0600 /dev/stdin /srv/key`"
        ));
        let path = files.path("/srv/key");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(
            message(&own)
                .unwrap()
                .ends_with("(mode 0644): bwflow-helper refuses it")
        );
    }
}

//! What is read of files that are right.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Cloud, Config, Identity, Spend, Tier};
use crate::money::Money;

const LINK: &str = "[bandwidth]\nmonthly_budget_gb = 100\n[network]\ninterface = \"eth0\"\n";

fn read(rest: &str) -> (Config, Vec<String>) {
    let text = format!("{LINK}{rest}");
    let (config, notes) = Config::parse(&text)
        .map_err(|found| format!("{found:#?}"))
        .unwrap();
    (config, notes.into_iter().map(|note| note.message).collect())
}

fn guard(rest: &str) -> Spend {
    read(rest).0.spend.unwrap()
}

fn tier(name: &str, up_to: Option<u32>, bitrate: u32, link_rate: Option<u64>, off: bool) -> Tier {
    Tier {
        name: name.to_owned(),
        up_to,
        bitrate: Some(bitrate),
        link_rate,
        off,
    }
}

#[test]
fn the_shortest_guard_has_three_tiers_and_the_usual_times() {
    let (config, notes) = read(
        "[spend]\nenabled = true\nprice_per_gb = \"azure-zone1\"\n[spend.azure]\n\
         fallback_budget = 150.00\n[spend.jellyfin]\nurl = \"http://10.0.0.2:8080/\"\n",
    );
    assert_eq!(notes, [""; 0]);
    assert_eq!(config.idle_jellyfin, None);
    let spend = config.spend.unwrap();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    assert_eq!(spend.check_interval, hours(1));
    assert_eq!(spend.cost_interval, hours(4));
    assert_eq!(spend.stale_after, hours(36));
    assert_eq!(spend.cost_delay, hours(24));
    assert_eq!(spend.hysteresis, 200);
    assert_eq!(spend.currency, "USD");
    assert_eq!(spend.price_per_gb, Some(Money::from_micros(87_000)));
    assert_eq!(spend.price_preset.unwrap().name, "azure-zone1");
    assert_eq!(spend.interface.as_deref(), Some("eth0"));
    assert_eq!(
        spend.azure.fallback_budget,
        Some(Money::from_micros(150_000_000))
    );
    assert_eq!(spend.jellyfin.unwrap().url, "http://10.0.0.2:8080");
    assert_eq!(
        spend.tiers,
        [
            tier("high", Some(5_000), 4_000_000, None, false),
            tier("medium", Some(9_000), 2_000_000, None, false),
            tier("disabled", None, 2_000_000, None, true),
        ]
    );
}

#[test]
fn everything_that_may_be_written_is_read() {
    let spend = guard(
        r#"
[[link]]
interface = "wwan0"
[spend]
enabled = true
check_interval = "30m"
cost_interval = "6h"
stale_after = "2d"
cost_delay = "12h"
hysteresis_percent = 1.25
price_per_gb = 0.05
currency = "EUR"
interface = "wwan0"
[spend.azure]
budget_name = " Monthly-Bandwidth-Limit "
fallback_budget = 1_150
subscription_id = "0B1F6471-1BF0-4DDA-AEC3-CB9272F09590"
resource_group = "my-group_(1)"
client_id = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
cloud = "us-government"
endpoint = "https://management.usgovcloudapi.net/"
imds_endpoint = "http://169.254.169.254"
[[spend.tier]]
name = "free"
up_to_percent = 0.01
[[spend.tier]]
name = "some"
up_to_percent = 87.50
bitrate = "2147483647 bit/s"
link_rate = "20 Mbit/s"
[[spend.tier]]
name = "little"
up_to_percent = 1000
bitrate = "1 bit/s"
link_rate = "20 Mbit/s"
[[spend.tier]]
name = "off"
off = true
[spend.jellyfin]
url = "https://media.example.com/jellyfin/"
host_header = "Jellyfin.example.com:8443"
api_key_file = "/etc/bwflow/jellyfin-api-key"
message = "That is all for this month."
"#
        .replace("hysteresis_percent = 1.25", "hysteresis_percent = 0")
        .as_str(),
    );
    assert_eq!(spend.check_interval, Duration::from_secs(1_800));
    assert_eq!(spend.cost_delay, Duration::from_secs(43_200));
    assert_eq!(spend.hysteresis, 0);
    assert_eq!(spend.price_per_gb, Some(Money::from_micros(50_000)));
    assert_eq!(spend.price_preset, None);
    assert_eq!(spend.interface.as_deref(), Some("wwan0"));
    let azure = spend.azure;
    assert_eq!(
        azure.budget_name.as_deref(),
        Some("Monthly-Bandwidth-Limit")
    );
    assert_eq!(
        azure.fallback_budget,
        Some(Money::from_micros(1_150_000_000))
    );
    let id = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
    assert_eq!(azure.subscription_id.as_deref(), Some(id));
    assert_eq!(azure.identity, Some(Identity::Client(id.to_owned())));
    assert_eq!(azure.cloud, Some(Cloud::UsGovernment));
    assert_eq!(
        azure.endpoint.as_deref(),
        Some("https://management.usgovcloudapi.net")
    );
    let jellyfin = spend.jellyfin.unwrap();
    assert_eq!(jellyfin.url, "https://media.example.com/jellyfin");
    assert_eq!(
        jellyfin.host_header.as_deref(),
        Some("jellyfin.example.com:8443")
    );
    assert_eq!(
        jellyfin.api_key_file,
        Some(PathBuf::from("/etc/bwflow/jellyfin-api-key"))
    );
    assert_eq!(
        jellyfin.message.as_deref(),
        Some("That is all for this month.")
    );
    assert_eq!(
        (spend.tiers[0].up_to, spend.tiers[0].bitrate),
        (Some(1), None)
    );
    let cap = Some(2_500_000);
    assert_eq!(
        spend.tiers[1..],
        [
            tier("some", Some(8_750), 2_147_483_647, cap, false),
            tier("little", Some(100_000), 1, cap, false),
            // What switches off keeps what held before, as far as it does not say otherwise.
            tier("off", None, 1, cap, true),
        ]
    );
}

#[test]
fn the_script_s_own_words_mean_the_same() {
    let beside = |table: &str| {
        guard(&format!(
            "[bandwidth_monitor]\nenabled = true\nazure_budget_name = \"B\"\n{table}\n[jellyfin]\n\
             url = \"http://10.0.0.2:8080\"\n"
        ))
    };
    let own = guard(
        "[spend]\nenabled = true\n[spend.azure]\nbudget_name = \"B\"\nfallback_budget = 150\n\
         [spend.jellyfin]\nurl = \"http://10.0.0.2:8080\"\n",
    );
    for budget in ["150.00", "\"$150.00\"", "150"] {
        let text = format!(
            "fallback_budget = {budget}\n[bandwidth_monitor.thresholds]\nhigh = 50\ndisabled = 90\n\
             [bandwidth_monitor.limits]\nhigh = 4000000\nmedium = 2000000\ndisabled = 0"
        );
        assert_eq!(beside(&text), own, "{budget}");
    }
    assert_eq!(beside("fallback_budget = 150"), own);
    let slow = beside("[bandwidth_monitor.limits]\ndisabled = 500000");
    assert_eq!(slow.tiers[2], tier("disabled", None, 500_000, None, false));
}

#[test]
fn a_guard_that_is_off_forbids_nothing_but_is_still_checked() {
    let (config, notes) = read(
        "[spend]\nenabled = false\ncheck_intervall = 5\ninterface = \"wan0\"\n[spend.azure]\n\
         endpoint = \"ftp://x\"\n[spend.jellyfin]\nurl = \"http://10.0.0.2\"\n",
    );
    assert_eq!(config.spend, None);
    assert_eq!(config.idle_jellyfin.unwrap().url, "http://10.0.0.2");
    assert_eq!(
        notes,
        [
            "unknown key `check_intervall` in [spend]",
            "`check_interval` wants a span of time with its unit, not a whole number",
            "no link `wan0` has a budget",
            "`endpoint` is neither http nor https",
        ]
    );
    let (config, notes) = read("[spend]\nenabled = false\n");
    assert_eq!((config.spend, notes.len()), (None, 0));
    let (config, notes) = read("[spend]\nprice_per_gb = 1\n");
    assert_eq!(config.spend, None);
    assert_eq!(
        notes,
        ["[spend] is switched off, for it does not say otherwise"]
    );
}

#[test]
fn without_a_word_of_it_there_is_no_guard() {
    let (config, notes) = read("");
    assert_eq!(
        (config.spend, config.idle_jellyfin, notes.len()),
        (None, None, 0)
    );
}

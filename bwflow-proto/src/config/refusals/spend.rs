//! The spend guard: everything wrong with it, in one line each, and a few in full.

use super::{noted, refused};
use crate::config::{Severity, load_str};

const LINK: &str = "[bandwidth]\nmonthly_budget_gb = 100\n[network]\ninterface = \"eth0\"\n";
const HOME: &str = "[spend.jellyfin]\nurl = \"http://10.0.0.2:8096\"\n";

/// Messages and hints of the errors of a guard that is on, one `message | hint` each.
fn errors(rest: &str) -> Vec<String> {
    let text = format!("{LINK}{rest}");
    let rejected = load_str("c.toml", &text).unwrap_err();
    let errors = rejected
        .problems()
        .iter()
        .filter(|it| it.severity == Severity::Error);
    errors
        .map(|it| {
            assert!(it.span.is_some(), "{it:?}");
            format!(
                "{} | {}",
                it.message,
                it.hint.as_deref().unwrap_or("no hint")
            )
        })
        .collect()
}

fn error(rest: &str) -> String {
    let errors = errors(rest);
    assert_eq!(errors.len(), 1, "{rest}: {errors:#?}");
    errors[0].clone()
}

#[test]
fn single_values_are_refused_with_their_cure() {
    for (line, told) in [
        (
            "check_interval = 5",
            "`check_interval` wants a span of time with its unit, not a whole number | write check_interval = \"1h\"",
        ),
        (
            "check_interval = \"30s\"",
            "`check_interval` is 30s, but must be from 1m to 1d | write check_interval = \"1h\"",
        ),
        (
            "check_interval = \"5h\"",
            "`cost_interval`, 4h, is less than `check_interval`, 5h | the cost is asked for at a check; write check_interval = \"1h\"",
        ),
        (
            "cost_interval = \"30m\"\ncheck_interval = \"10m\"",
            "`cost_interval` is 30m, but must be from 1h to 7d | write cost_interval = \"4h\"",
        ),
        (
            "stale_after = \"2h\"",
            "`stale_after`, 2h, is less than `cost_interval`, 4h | write several times the cost_interval, like stale_after = \"36h\"",
        ),
        (
            "hysteresis_percent = \"2 %\"",
            "`hysteresis_percent` wants a number of percent, not a string | write hysteresis_percent = 2 without quotes",
        ),
        (
            "hysteresis_percent = 0.125",
            "`hysteresis_percent` has more than two decimals | write hysteresis_percent = 0.12",
        ),
        (
            "hysteresis_percent = 50",
            "`hysteresis_percent` is 50, but the first tier ends at 50: nothing leads back to it | write hysteresis_percent = 2",
        ),
        (
            "price_per_gb = 0",
            "`price_per_gb` is `0`, but must be an amount of more than zero | write price_per_gb = 0.087",
        ),
        (
            "price_per_gb = \"$0.05\"",
            "`price_per_gb`: no price is called `$0.05` | write price_per_gb = 0.05 without quotes or sign",
        ),
        (
            "price_per_gb = \"aws\"",
            "`price_per_gb`: no price is called `aws` | write a number, like price_per_gb = 0.087, or \"azure-zone1\"",
        ),
        (
            "price_per_gb = \"azure-zone1\"\ncurrency = \"EUR\"",
            "`price_per_gb`: `azure-zone1` is in USD, but `currency` is EUR | write the price in EUR as a number",
        ),
        (
            "currency = \"usd\"",
            "`currency`: `usd` is no currency's code | write its three letters: currency = \"USD\"",
        ),
        (
            "interface = \"wan0\"",
            "no link `wan0` has a budget | write one of the links: \"eth0\"",
        ),
        (
            "azure.fallback_budget = 0",
            "`fallback_budget` is `0`, but must be an amount of more than zero | write fallback_budget = 150.00",
        ),
        (
            "azure.fallback_budget = \"$150.00\"",
            "`fallback_budget` wants a number, not a string | write fallback_budget = 150.00 without quotes or sign",
        ),
        (
            "azure.subscription_id = \"mine\"",
            "`subscription_id`: `mine` is no id | write it as Azure shows it, like \"00000000-0000-0000-0000-000000000000\"",
        ),
        (
            "azure.cloud = \"germany\"",
            "`cloud` is `germany`, which is none of its words | write cloud = \"public\", \"us-government\" or \"china\"",
        ),
        (
            "azure.endpoint = \"http://management.azure.com\"",
            "`endpoint` is not https: the token would cross the network in clear | write endpoint = \"https://management.azure.com\", or leave it out",
        ),
        (
            "azure.imds_endpoint = \"https://169.254.169.254\"",
            "`imds_endpoint` is https, which the identity service does not speak | write imds_endpoint = \"http://169.254.169.254\", or leave it out",
        ),
        (
            "azure.imds_endpoint = \"http://10.99.0.77\"",
            "`imds_endpoint` is neither this machine nor 169.254.169.254: the token would cross the network in clear | write imds_endpoint = \"http://169.254.169.254\", or leave it out",
        ),
        (
            "azure.resource_id = \"/subscriptions/x\"",
            "unknown key `resource_id` in [spend.azure] | did you mean `msi_res_id`?",
        ),
        (
            "azure.client_id = \"00000000-0000-0000-0000-000000000000\"\nazure.object_id = \"00000000-0000-0000-0000-000000000000\"",
            "`client_id` and `object_id` exclude each other | keep the one that names the identity, or none for the machine's own",
        ),
        (
            "azure.budget_name = \"a/b\"",
            "`budget_name`: `a/b` is no name of a budget | write the name that the portal shows under Cost Management, Budgets",
        ),
        (
            "tiers = [{ name = \"a\", off = true }]",
            "unknown key `tiers` in [spend] | did you mean `[[spend.tier]]`?",
        ),
        (
            "tier = 5",
            "`tier` must be a list of tables | write [[spend.tier]] and its keys below, once for each tier",
        ),
        (
            "bitrate = \"1 Mbit/s\"",
            "unknown key `bitrate` in [spend] | `bitrate` belongs in [[spend.tier]]",
        ),
    ] {
        assert_eq!(
            error(&format!("[spend]\nenabled = true\n{line}\n{HOME}")),
            told,
            "{line}"
        );
    }
}

#[test]
fn tiers_are_refused_with_their_cure() {
    let last = "[[spend.tier]]\nname = \"z\"\noff = true\n";
    for (tiers, told) in [
        (
            "name = \"a\"\nup_to_percent = 50\nbitrate = 0",
            "`bitrate` is 0, which is no limit at all to Jellyfin, not \"off\" | write off = true to switch remote streaming off",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\nbitrate = \"0 Mbit/s\"",
            "`bitrate` is 0, which is no limit at all to Jellyfin, not \"off\" | write off = true to switch remote streaming off",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\nbitrate = 2000000",
            "`bitrate` wants a rate with its unit, not a whole number | write bitrate = \"2 Mbit/s\"",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\nbitrate = \"2147483648 bit/s\"",
            "`bitrate` is 2.15 Gbit/s, but Jellyfin takes at most 2147483647 bit/s | leave bitrate out for no limit",
        ),
        (
            "name = \"a\"\nup_to_percent = 0",
            "`up_to_percent` is `0`, but must be from 0.01 to 1000 | write up_to_percent = 90",
        ),
        (
            "name = \"a\"\nup_to_percent = 1000.01",
            "`up_to_percent` is `1000.01`, but must be from 0.01 to 1000 | write up_to_percent = 90",
        ),
        (
            "name = \"a\"",
            "the tier has no `up_to_percent`, so that those below it never hold | write up_to_percent = 90 below it; only the last tier has none",
        ),
        (
            "up_to_percent = 5",
            "the tier has no name | write name = \"medium\" below it, or what you call it",
        ),
        (
            "name = \"z\"\nup_to_percent = 5",
            "there is a tier `z` already | give each tier a name of its own",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\n[[spend.tier]]\nname = \"b\"\nup_to_percent = 50",
            "`up_to_percent` is 50, but the tier before goes up to 50 | put the tiers in the order of their up_to_percent",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\nbitrate = \"2 Mbit/s\"\n[[spend.tier]]\nname = \"b\"\nup_to_percent = 60\nbitrate = \"4 Mbit/s\"",
            "`bitrate` is 4 Mbit/s, but `a` before it has 2 Mbit/s | a later tier is at most as generous: write at most \"2 Mbit/s\"",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\nbitrate = \"2 Mbit/s\"\n[[spend.tier]]\nname = \"b\"\nup_to_percent = 60",
            "the tier has no `bitrate`, but `a` before it has 2 Mbit/s | write bitrate = \"2 Mbit/s\" or less",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\nlink_rate = \"2 Mbit/s\"\n[[spend.tier]]\nname = \"b\"\nup_to_percent = 60",
            "the tier has no `link_rate`, but `a` before it has 2 Mbit/s | write link_rate = \"2 Mbit/s\" or less",
        ),
        (
            "name = \"a\"\nup_to_percent = 50\noff = true\n[[spend.tier]]\nname = \"b\"\nup_to_percent = 60\nbitrate = \"1 bit\"",
            "the tier lets remote streaming in again, which `a` before it keeps out | write off = true in this one, too, or change their order",
        ),
    ] {
        let text = format!("[spend]\nenabled = true\n{HOME}[[spend.tier]]\n{tiers}\n{last}");
        assert_eq!(error(&text), told, "{tiers}");
    }
    let text =
        |tier: &str| format!("[spend]\nenabled = true\n{HOME}[[spend.tier]]\nname = \"a\"\n{tier}");
    assert_eq!(
        error(&text("up_to_percent = 90\noff = true\n")),
        "nothing says what holds above 90 % | take up_to_percent out of the last tier, or add one without it: [[spend.tier]], name = \"disabled\", off = true"
    );
    assert_eq!(
        error(&text("off = false\n")),
        "no tier limits anything | give the last one bitrate, link_rate or off = true"
    );
}

#[test]
fn jellyfin_is_refused_with_its_cure() {
    for (keys, told) in [
        (
            "",
            "[spend.jellyfin] says not where Jellyfin is | write url = \"http://10.0.0.2:8096\" below it",
        ),
        (
            "url = \"http://u:geheim@h\"",
            "`url` holds a user's name or password | write url = \"http://h\"",
        ),
        (
            "url = \"http://h/?api_key=geheim\"",
            "`url` has a query (from `?` on) | write url = \"http://h\"",
        ),
        (
            "url = \"http://h\"\nhost_header = \"http://h\"",
            "`host_header` is an address, not a host | write host_header = \"jellyfin.example.com\", with :port if it is needed",
        ),
        (
            "url = \"http://h\"\napi_key_file = \"geheim\"",
            "`api_key_file` is no path from the root on | write the file that holds the key: api_key_file = \"/etc/bwflow/jellyfin-api-key\"",
        ),
    ] {
        let text = format!("[spend]\nenabled = true\n[spend.jellyfin]\n{keys}\n");
        assert_eq!(error(&text), told, "{keys}");
        assert!(
            !refused(&format!("{LINK}{text}")).contains("geheim"),
            "{keys}"
        );
    }
    let without = error("[spend]\nenabled = true\n");
    assert!(without.starts_with("the tier `high` asks something of Jellyfin, but nothing says where that is | add [spend.jellyfin]"), "{without}");
}

#[test]
fn an_api_key_is_refused_and_not_repeated() {
    let told = refused(&format!(
        "{LINK}[spend]\nenabled = true\n{HOME}api_key = \"geheim\"\n"
    ));
    assert_eq!(
        told,
        r#"note: no budget is named: the guard acts only while Azure has exactly one that fits
 --> c.toml:5:2
  |
5 | [spend]
  |  ^^^^^
  |
  = hint: write budget_name = "…" and fallback_budget = 150.00 in [spend.azure]

note: without `price_per_gb` nothing is estimated: costs appear 8 to 24 hours late, and the guard acts as late
 --> c.toml:5:2
  |
5 | [spend]
  |  ^^^^^
  |
  = hint: write price_per_gb = 0.087, or "azure-zone1"

error: an API key does not belong in this file, which everybody may read
--> c.toml:9:1
 = hint: take it out and put it into /etc/credstore/jellyfin-api-key, mode 0600, owned by root; it is found there. As it was readable, replace it in Jellyfin"#
    );
}

#[test]
fn the_script_s_words_are_refused_with_their_cure() {
    for (keys, told) in [
        (
            "[bandwidth_monitor.limits]\nmedium = 0",
            "`medium` is 0, which is no limit at all to Jellyfin, not \"off\" | leave 0 to limits.disabled, where it means off",
        ),
        (
            "[bandwidth_monitor.limits]\nhigh = \"4M\"",
            "`high` wants a whole number of bits per second, not a string | write high = 2000000 for 2 Mbit/s",
        ),
        (
            "[bandwidth_monitor.limits]\nhigh = \"4 Mbit/s\"",
            "`high` wants a whole number of bits per second, not a string | write high = 4000000 for 4 Mbit/s",
        ),
        (
            "price_per_gb = 0.087",
            "unknown key `price_per_gb` in [bandwidth_monitor] | `price_per_gb` belongs in [spend]: write [spend] in place of [bandwidth_monitor]; bwflow.toml(5) has an example",
        ),
        (
            "[bandwidth_monitor.thresholds]\nhigh = 90",
            "thresholds.disabled is 90, but thresholds.high is 90 | high is where quality goes down, disabled where streaming ends: 50 and 90",
        ),
        (
            "fallback_budget = \"€150\"",
            "`fallback_budget` wants a number, not a string | write fallback_budget = 150 without quotes or sign",
        ),
        (
            "[spend]",
            "[spend] and [bandwidth_monitor] say the same thing | keep [spend]; it can say everything that the other can",
        ),
    ] {
        let text = format!(
            "[bandwidth_monitor]\nenabled = true\n{keys}\n[jellyfin]\nurl = \"http://10.0.0.2\"\n"
        );
        assert_eq!(error(&text), told, "{keys}");
    }
    let text = "[bandwidth_monitor]\nenabled = true\n[jellyfin]\nsubdomain = \"j\"\napi_key = \"geheim\"\nurl = \"http://10.0.0.2\"\n";
    let told = errors(text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("`subdomain` says too little"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("an API key does not belong"),
        "{told:?}"
    );
    assert_eq!(
        error("[jellyfin]\nurl = \"http://10.0.0.2\"\n"),
        "[jellyfin] goes with [bandwidth_monitor] alone | write [spend.jellyfin]"
    );
}

#[test]
fn several_links_need_to_be_told_apart_where_it_matters() {
    let text = format!(
        "[[link]]\ninterface = \"wan0\"\n[spend]\nenabled = true\nprice_per_gb = 1\n{HOME}"
    );
    assert_eq!(
        error(&text),
        "`price_per_gb` is what a link's traffic costs, but there are several | write interface = one of \"eth0\", \"wan0\" in [spend]"
    );
}

#[test]
fn what_should_be_known_is_noted() {
    let on = "enabled = true\nprice_per_gb = 1\nazure.budget_name = \"b\"";
    for (rest, told) in [
        (
            format!("[spend]\n{on}\ncost_interval = \"2h\"\n{HOME}"),
            "note: `cost_interval` is 2h, but Azure renews its figures every four hours or so",
        ),
        (
            format!("[spend]\n{on}\njellyfin.url = \"http://jellyfin.example.com\"\n"),
            "note: `url` is not https: the API key crosses the internet in clear",
        ),
        (
            format!("[spend]\n{on}\njellyfin.url = \"http://10.0.0.2/web/index.html\"\n"),
            "note: `url` is the address of the page that a browser shows, not of the server",
        ),
        (
            format!(
                "[spend]\n{on}\n[[spend.tier]]\nname = \"a\"\noff = true\nlink_rate = \"1 Mbit/s\"\n"
            ),
            "note: `off` has no effect: nothing says where Jellyfin is",
        ),
    ] {
        let notes = noted(&format!("{LINK}{rest}"));
        assert!(
            notes.starts_with(told) && notes.matches("note: ").count() == 1,
            "{notes}"
        );
    }
}

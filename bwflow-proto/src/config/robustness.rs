//! Whatever stands in the file, it is answered.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{Config, Loaded, Rejected, Spend, load_bytes, load_str};

fn answered(result: &Result<Loaded, Rejected>) {
    match result {
        Ok(loaded) => assert!(!loaded.config.links.is_empty()),
        Err(rejected) => assert!(
            rejected.to_string().starts_with("error: ")
                || rejected.to_string().contains("\nerror: "),
            "{rejected}"
        ),
    }
}

const GOOD: &str = "[bandwidth]\nmonthly_budget_gb = 100\n[network]\ninterface = \"eth0\"\n";

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_matter() {
    let plain = Config::parse(GOOD).unwrap();
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(Config::parse(&windows).unwrap(), plain);
}

#[test]
fn a_mark_does_not_shift_places() {
    let text = format!("\u{feff}x = 1\r\n{GOOD}");
    let rejected = load_str("c.toml", &text).unwrap_err();
    assert!(
        rejected.to_string().contains("--> c.toml:1:1\n"),
        "{rejected}"
    );
}

#[test]
fn bytes_that_are_no_text_are_located() {
    let mut bytes = GOOD.as_bytes().to_vec();
    bytes.insert(12, 0xe9);
    assert_eq!(
        load_bytes("c.toml", &bytes).unwrap_err().to_string(),
        "error: the file is not UTF-8 text\n --> c.toml:2:1\n  |\n2 | \\xe9monthly_budget_gb = 100\n  \
         | ^^^^\n  |\n  = hint: save it as UTF-8, or remove the byte that is marked"
    );
    let wide: Vec<u8> = [0xff, 0xfe, b'[', 0].to_vec();
    assert!(
        load_bytes("c.toml", &wide)
            .unwrap_err()
            .to_string()
            .contains("UTF-16")
    );
    assert!(load_bytes("c.toml", GOOD.as_bytes()).is_ok());
}

#[test]
fn what_is_no_text_is_shown_escaped() {
    let told = load_bytes("c.toml", b"\x7fELF\x02\x00\x1b[2J\xff\xc2\x9bx").unwrap_err();
    assert_eq!(
        told.to_string(),
        "error: the file is no text at all\n --> c.toml:1:29\n  |\n\
         1 | \\u{7f}ELF\\u{2}\\u{0}\\u{1b}[2J\\xff\\u{9b}x\n  |                             ^^^^\n  |\n  \
         = hint: name a configuration, like /etc/bwflow/config.toml"
    );
}

#[test]
fn a_megabyte_of_junk_is_refused_in_a_page() {
    let junk = |unit: &str| unit.repeat(1_000_000 / unit.len());
    for unit in [
        "x",
        "[",
        "]",
        "=",
        "\"",
        "\n",
        "=\n",
        "a=[",
        "[a.",
        "{",
        "a=1\n",
        "é",
        "\0",
        "[[link]]\n",
        "[[link]]\nrate=1\n",
        "'''",
        "[a]\n",
        "# \n",
        "a.",
    ] {
        let rejected = load_str("c.toml", &junk(unit)).unwrap_err();
        assert!(rejected.to_string().len() < 50_000, "{unit:?}");
    }
    let many: String = (0..20_000)
        .map(|n| format!("[[link]]\ninterface=\"i{n}\"\ncount=\"rx\"\nmonthly_budget=\"1 TB\"\n"))
        .collect();
    assert_eq!(Config::parse(&many).unwrap().0.links.len(), 20_000);
}

#[test]
fn an_error_behind_a_thousand_notes_is_still_an_error() {
    let mut text: String = (0..2_000)
        .map(|n| format!("[[link]]\ninterface=\"i{n}\"\ncount=\"rx\"\nmonthly_budget=\"1 TB\"\n"))
        .collect();
    text.push_str("[[link]]\ninterface=\"last\"\n");
    assert!(Config::parse(&text).is_err());
}

/// Lines that are nearly right go deeper than noise does.
fn line() -> impl Strategy<Value = String> {
    let keys = "monthly_budget_gb|monthly_budget|pre_charge|pre_charge_gb|billing_day|timezone|\
                count|exclude|interface|rate|min_rate|at_percent|source|enabled|bandwidth|link|\
                network\\.interface|link\\.interface|poll_interval_seconds|[a-z]{1,4}|spend|spend\\.azure|\
                spend\\.tier|check_interval|cost_interval|stale_after|cost_delay|currency|name|off|url|\
                hysteresis_percent|price_per_gb|budget_name|fallback_budget|up_to_percent|bitrate|\
                link_rate|host_header|api_key|api_key_file|endpoint|client_id|object_id|high|disabled|\
                thresholds\\.high|limits\\.disabled|message|cloud|tier|azure|jellyfin";
    let values = "-?[0-9]{1,12}(\\.[0-9]{1,3})?|\"[0-9]{1,3} ?(GB|TiB|Mbit/s|Gb|kbit)\"|\"eth[0-9]\"|\
                  \"drip\"|\"rx\"|\"UTC\"|true|false|\\[\\]|\\[[0-9]{1,3}\\]|\\{ *\\}|nan|1e9|0x1F|\
                  1979-05-27|\\{interface = \"a\"\\}|\"[0-9]{1,2}[hmd]\"|\"https?://[a-z@:/?.]{1,9}\"|\
                  \"azure-zone1\"|\"USD\"|\"/[a-z]{1,4}\"|\\[\\{off = true\\}\\]|\"public\"|\
                  [0-9]{1,3}\\.[0-9]{1,3}";
    let tables = "\\[{1,2}(bandwidth|network|link|daemon|throttle|alerts|spend|accounting|link\\.a|\
                  bandwidth\\.rate|spend\\.azure|spend\\.tier|spend\\.jellyfin|jellyfin|\
                  bandwidth_monitor|bandwidth_monitor\\.(thresholds|limits)|[a-z]{1,3})\\]{1,2}";
    prop_oneof![
        4 => (keys, values).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => tables.prop_map(|table| table),
        1 => ".{0,12}".prop_map(|noise| noise),
    ]
}

/// Lines of the guard's tables, most of them right.
fn guard_line() -> impl Strategy<Value = String> {
    let of_guard = "check_interval = \"[1-3]h\"|cost_interval = \"[1-9]h\"|stale_after = \"[1-4]d\"|\
                    hysteresis_percent = [0-9]{1,2}(\\.[0-9]{1,3})?|price_per_gb = 0\\.[0-9]{1,4}|\
                    price_per_gb = \"azure-zone1\"|interface = \"eth[01]\"|currency = \"(USD|EUR)\"";
    let of_tier = "(name = \"[a-c]\"\nup_to_percent = [0-9]{1,2}\\.[0-9]{1,2}|name = \"[d-f]\")\n\
                   (bitrate = \"[0-9] ?[Mk]bit/s\"\n)?(link_rate = \"[0-9] Mbit/s\"\n)?(off = true\n)?";
    prop_oneof![
        2 => of_guard.prop_map(|line| line),
        3 => of_tier.prop_map(|lines| format!("[[spend.tier]]\n{lines}")),
        1 => Just("[spend.jellyfin]\nurl = \"http://10.0.0.2\"".to_owned()),
        1 => Just("[spend.azure]\nfallback_budget = 1.5".to_owned()),
        1 => line(),
    ]
}

/// What everybody who acts on a guard relies on.
fn sound(spend: &Spend) {
    assert!(spend.price_per_gb.is_none() || spend.interface.is_some());
    let last = spend.tiers.len() - 1;
    for (at, tier) in spend.tiers.iter().enumerate() {
        assert_eq!(tier.up_to.is_none(), at == last);
        assert_ne!(tier.bitrate, Some(0));
        assert!(tier.link_rate.is_none() || spend.interface.is_some());
        assert!(spend.jellyfin.is_some() || tier.link_rate.is_some() || !tier.off);
    }
    for pair in spend.tiers.windows(2) {
        let [before, tier] = pair else { continue };
        assert!(before.up_to < tier.up_to.or(Some(u32::MAX)));
        assert!(tier.bitrate.unwrap_or(u32::MAX) <= before.bitrate.unwrap_or(u32::MAX));
        assert!(tier.link_rate.unwrap_or(u64::MAX) <= before.link_rate.unwrap_or(u64::MAX));
        assert!(tier.off || !before.off);
        assert_ne!(tier.name, before.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_answered(text in "(?s).{0,200}") {
        answered(&load_str("c.toml", &text));
    }

    #[test]
    fn nearly_right_text_is_answered(lines in prop::collection::vec(line(), 0..20)) {
        answered(&load_str("c.toml", &lines.join("\n")));
    }

    #[test]
    fn a_guard_that_is_nearly_right_is_answered(
        lines in prop::collection::vec(guard_line(), 0..16),
        is_on: bool,
    ) {
        let text = format!(
            "bandwidth.monthly_budget_gb = 1\nnetwork.interface = \"eth0\"\n[spend]\nenabled = {is_on}\n{}",
            lines.join("\n")
        );
        let result = load_str("c.toml", &text);
        answered(&result);
        if let Ok(loaded) = result {
            prop_assert_eq!(loaded.config.spend.is_some(), is_on);
            if let Some(spend) = loaded.config.spend {
                sound(&spend);
            }
        }
    }

    #[test]
    fn no_key_is_ever_shown(
        // What stands in front of it must not make another word of it.
        before in "([ -~]{0,12}[ ,{])?",
        key in "api_key|apikey|\"api_key\"|api_key_file|token|api-key|key|jellyfin_key|password",
        between in " ?[=:] ?",
        quote in "[\"']{0,3}",
        after in "[ -~]{0,6}",
        table in "\\[spend.jellyfin\\]|\\[jellyfin\\]|\\[spend\\]|",
    ) {
        let line = format!("{before}{key}{between}{quote}Zq7Zq7{quote}{after}");
        let text = format!("{table}\n{line}\n");
        let told = load_str("c.toml", &text).unwrap_err().to_string();
        prop_assert!(!told.contains("Zq7Zq7"), "{}\n{}", text, told);
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>) {
        answered(&load_bytes("c.toml", &bytes));
    }

    #[test]
    fn gigabytes_are_exact(whole in 1..1_000_000_u64, thousandths in 0..1000_u64) {
        let text = GOOD.replace("100", &format!("{whole}.{thousandths:03}"));
        let (config, _) = Config::parse(&text).unwrap();
        let exact = whole * 1_000_000_000 + thousandths * 1_000_000;
        prop_assert_eq!(config.links[0].budget_bytes, exact);
    }
}

//! Whatever stands in the file, it is answered.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{Config, Loaded, Rejected, load_bytes, load_str};

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
                network\\.interface|link\\.interface|poll_interval_seconds|[a-z]{1,4}";
    let values = "-?[0-9]{1,12}(\\.[0-9]{1,3})?|\"[0-9]{1,3} ?(GB|TiB|Mbit/s|Gb|kbit)\"|\"eth[0-9]\"|\
                  \"drip\"|\"rx\"|\"UTC\"|true|false|\\[\\]|\\[[0-9]{1,3}\\]|\\{ *\\}|nan|1e9|0x1F|\
                  1979-05-27|\\{interface = \"a\"\\}";
    let tables = "\\[{1,2}(bandwidth|network|link|daemon|throttle|alerts|spend|accounting|link\\.a|\
                  bandwidth\\.rate|[a-z]{1,3})\\]{1,2}";
    prop_oneof![
        4 => (keys, values).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => tables.prop_map(|table| table),
        1 => ".{0,12}".prop_map(|noise| noise),
    ]
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

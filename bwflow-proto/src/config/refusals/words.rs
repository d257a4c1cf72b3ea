//! Days, zones and words.

use super::refused;

#[test]
fn a_day_no_month_has() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
billing_day = 32
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `billing_day` is `32`, but must be from 1 to 31
 --> c.toml:3:15
  |
3 | billing_day = 32
  |               ^^
  |
  = hint: write billing_day = 1"#
    );
}

#[test]
fn a_zone_without_its_continent() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
timezone = "Berlin"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown time zone `Berlin`
 --> c.toml:3:12
  |
3 | timezone = "Berlin"
  |            ^^^^^^^^
  |
  = hint: did you mean "Europe/Berlin"?"#
    );
}

#[test]
fn a_zone_nobody_knows() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
timezone = "Middle-earth"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown time zone `Middle-earth`
 --> c.toml:3:12
  |
3 | timezone = "Middle-earth"
  |            ^^^^^^^^^^^^^^
  |
  = hint: write an IANA name like "Europe/Berlin" or "UTC""#
    );
}

#[test]
fn a_count_nobody_knows() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
count = "both"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `count` is `both`, which is none of its words
 --> c.toml:3:9
  |
3 | count = "both"
  |         ^^^^^^
  |
  = hint: write "tx" (sent), "rx" (received), "sum" (both) or "max" (the larger)"#
    );
}

#[test]
fn a_poll_interval_out_of_range() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[daemon]
poll_interval_seconds = 0
"#,
    );
    assert_eq!(
        told,
        r#"error: `poll_interval_seconds` is `0`, but must be from 1 to 3600
 --> c.toml:6:25
  |
6 | poll_interval_seconds = 0
  |                         ^
  |
  = hint: write poll_interval_seconds = 15"#
    );
}

#[test]
fn a_source_that_is_none() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[accounting]
source = "vmstat"
"#,
    );
    assert_eq!(
        told,
        r#"error: `source` is `vmstat`, which is none of its words
 --> c.toml:6:10
  |
6 | source = "vmstat"
  |          ^^^^^^^^
  |
  = hint: write source = "auto", "vnstat" or "kernel""#
    );
}

#[test]
fn thresholds_that_are_none() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[alerts]
at_percent = [50, "80", 0]
"#,
    );
    assert_eq!(
        told,
        r#"error: `at_percent` wants a whole number, not a string
 --> c.toml:6:19
  |
6 | at_percent = [50, "80", 0]
  |                   ^^^^
  |
  = hint: write at_percent = [50, 80, 95, 100]

error: `at_percent` is `0`, but must be from 1 to 1000
 --> c.toml:6:25
  |
6 | at_percent = [50, "80", 0]
  |                         ^
  |
  = hint: write at_percent = [50, 80, 95, 100]"#
    );
}

#[test]
fn a_zone_that_is_this_host_s() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
timezone = "local"
[network]
interface = "eth0"
"#,
    );
    assert!(!told.contains("localtime"), "{told}");
    assert!(told.contains("hint: write the zone's own name"), "{told}");
}

#[test]
fn a_key_that_nobody_knows_is_answered_with_those_there_are() {
    for unknown in ["foo", "speed"] {
        let told = refused(&format!(
            "[bandwidth]\nmonthly_budget_gb = 100\n{unknown} = 1\n[network]\ninterface = \"eth0\"\n"
        ));
        assert!(
            told.contains("hint: [bandwidth] takes monthly_budget_gb"),
            "{told}"
        );
        assert!(told.ends_with("timezone, count, exclude"), "{told}");
    }
}

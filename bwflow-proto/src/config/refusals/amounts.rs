//! Amounts and rates.

use super::refused;
use crate::config::load_str;

#[test]
fn bits_for_bytes() {
    let told = refused(
        r#"[bandwidth]
monthly_budget = "100 Gb"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `monthly_budget`: `Gb` is not a unit of bytes
 --> c.toml:2:18
  |
2 | monthly_budget = "100 Gb"
  |                  ^^^^^^^^
  |
  = hint: Gb is gigabits; write GB"#
    );
}

#[test]
fn a_bare_number_for_an_amount() {
    let told = refused(
        r#"[bandwidth]
monthly_budget = 100
pre_charge = "50"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `monthly_budget` wants an amount with its unit, not a whole number
 --> c.toml:2:18
  |
2 | monthly_budget = 100
  |                  ^^^
  |
  = hint: write monthly_budget = "100 GB" or monthly_budget_gb = 100

error: `pre_charge`: `50` has no unit
 --> c.toml:3:14
  |
3 | pre_charge = "50"
  |              ^^^^
  |
  = hint: write "50 GB" or "50 GiB""#
    );
}

#[test]
fn quotes_around_a_number() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = "100"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `monthly_budget_gb` wants a number of gigabytes, not a string
 --> c.toml:2:21
  |
2 | monthly_budget_gb = "100"
  |                     ^^^^^
  |
  = hint: write monthly_budget_gb = 100 without quotes"#
    );
}

#[test]
fn a_negative_and_an_endless_budget() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = -1
pre_charge_gb = inf
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `monthly_budget_gb` is negative
 --> c.toml:2:21
  |
2 | monthly_budget_gb = -1
  |                     ^^
  |
  = hint: write it without the minus

error: `pre_charge_gb`: `inf` is not a number
 --> c.toml:3:17
  |
3 | pre_charge_gb = inf
  |                 ^^^
  |
  = hint: write pre_charge_gb = 100"#
    );
}

#[test]
fn a_budget_beyond_counting() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 1e10
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `monthly_budget_gb` is more than can be counted
 --> c.toml:2:21
  |
2 | monthly_budget_gb = 1e10
  |                     ^^^^
  |
  = hint: the most is 9 EB, 9000000000 GB"#
    );
}

#[test]
fn a_budget_of_zero() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 0.0
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: the budget is zero
 --> c.toml:2:21
  |
2 | monthly_budget_gb = 0.0
  |                     ^^^
  |
  = hint: a link that may send nothing is better taken down: `ip link set … down`"#
    );
}

#[test]
fn a_burst_above_the_budget() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
pre_charge = "150 GB"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: the pre-charge, 150 GB, is more than the budget, 100 GB
 --> c.toml:3:14
  |
3 | pre_charge = "150 GB"
  |              ^^^^^^^^
  |
  = hint: the pre-charge is the part of the budget that is there from the first day"#
    );
}

#[test]
fn a_drip_below_one_byte_a_second() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
pre_charge = "99999 MB"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: the 1 MB that the pre-charge leaves of the budget are less than one byte per second
 --> c.toml:3:14
  |
3 | pre_charge = "99999 MB"
  |              ^^^^^^^^^^
  |
  = hint: leave at least 3 MB to drip in, or nothing at all"#
    );
}

#[test]
fn rates_in_bytes_and_in_nothing() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[throttle]
rate = "dirp"
min_rate = "5 MB/s"
"#,
    );
    assert_eq!(
        told,
        r#"error: `rate`: `dirp` is neither "drip" nor a rate
 --> c.toml:6:8
  |
6 | rate = "dirp"
  |        ^^^^^^
  |
  = hint: write rate = "drip" or a rate like "2 Mbit/s"

error: `min_rate`: `MB/s` is not a unit of rate
 --> c.toml:7:12
  |
7 | min_rate = "5 MB/s"
  |            ^^^^^^^^
  |
  = hint: rates are in bits per second: 5 MB/s is "40 Mbit/s""#
    );
}

#[test]
fn what_a_hint_proposes_is_the_value_and_is_right() {
    let hints = |line: &str| {
        let text = format!("[bandwidth]\n{line}\n[network]\ninterface = \"eth0\"\n");
        let rejected = load_str("c.toml", &text).unwrap_err();
        let [problem] = rejected.problems() else {
            panic!("{rejected}")
        };
        problem.hint.clone().unwrap()
    };
    for (line, hint) in [
        (
            "monthly_budget = -5",
            "write monthly_budget = \"5 GB\" or monthly_budget_gb = 5",
        ),
        (
            "monthly_budget = 50.5",
            "write monthly_budget = \"50.5 GB\" or monthly_budget_gb = 50.5",
        ),
        ("monthly_budget = 1e3", "write monthly_budget_gb = 1e3"),
        (
            "monthly_budget = 0x10",
            "write monthly_budget = \"16 GB\" or monthly_budget_gb = 16",
        ),
        ("monthly_budget = nan", "write monthly_budget = \"100 GB\""),
        ("monthly_budget = \"50gib\"", "write \"50 GiB\""),
        ("monthly_budget = \"1,5 TB\"", "write \"1.5 TB\""),
        ("monthly_budget = \"1_000 GB\"", "write \"1000 GB\""),
        ("monthly_budget = \"-5 GB\"", "write \"5 GB\""),
        (
            "monthly_budget = \"99999999999999 TB\"",
            "the most is 9 EB, \"9000 PB\"",
        ),
        (
            "monthly_budget_gb = \"50.5\"",
            "write monthly_budget_gb = 50.5 without quotes",
        ),
        (
            "monthly_budget_gb = \"50 GB\"",
            "write monthly_budget = \"50 GB\"",
        ),
        (
            "monthly_budget_gb = 9\nbilling_day = \"17\"",
            "write billing_day = 17 without quotes",
        ),
    ] {
        assert_eq!(hints(line), hint, "{line}");
    }
}

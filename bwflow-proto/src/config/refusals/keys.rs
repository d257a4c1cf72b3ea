//! Tables, keys and syntax.

use super::refused;

#[test]
fn a_misspelt_table() {
    let told = refused(
        r#"[bandwith]
monthly_budget_gb = 100
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown table `[bandwith]`
 --> c.toml:1:2
  |
1 | [bandwith]
  |  ^^^^^^^^
  |
  = hint: did you mean `[bandwidth]`?"#
    );
}

#[test]
fn a_misspelt_key() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
biling_day = 40
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown key `biling_day` in [bandwidth]
 --> c.toml:3:1
  |
3 | biling_day = 40
  | ^^^^^^^^^^
  |
  = hint: did you mean `billing_day`?

error: `billing_day` is `40`, but must be from 1 to 31
 --> c.toml:3:14
  |
3 | biling_day = 40
  |              ^^
  |
  = hint: write billing_day = 1"#
    );
}

#[test]
fn a_key_in_the_wrong_table() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
interface = "eth0"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown key `interface` in [bandwidth]
 --> c.toml:3:1
  |
3 | interface = "eth0"
  | ^^^^^^^^^
  |
  = hint: `interface` belongs in [network]"#
    );
}

#[test]
fn a_key_outside_of_any_table() {
    let told = refused(
        r#"monthly_budget_gb = 100
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown key `monthly_budget_gb` outside of any table
 --> c.toml:1:1
  |
1 | monthly_budget_gb = 100
  | ^^^^^^^^^^^^^^^^^
  |
  = hint: `monthly_budget_gb` belongs in [bandwidth]

error: no budget for `eth0`
 --> c.toml:3:13
  |
3 | interface = "eth0"
  |             ^^^^^^
  |
  = hint: write monthly_budget_gb = 100 under [bandwidth]"#
    );
}

#[test]
fn a_table_nobody_knows() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[colours]
"#,
    );
    assert_eq!(
        told,
        r#"error: unknown table `[colours]`
 --> c.toml:5:2
  |
5 | [colours]
  |  ^^^^^^^
  |
  = hint: the tables are [bandwidth], [network], [[link]], [daemon], [throttle], [accounting], [alerts], [spend]"#
    );
}

#[test]
fn two_spellings_of_one_thing() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
monthly_budget = "1 TB"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `monthly_budget_gb` and `monthly_budget` say the same thing
 --> c.toml:3:1
  |
3 | monthly_budget = "1 TB"
  | ^^^^^^^^^^^^^^
  |
  = hint: keep one of the two"#
    );
}

#[test]
fn broken_lines_beside_a_wrong_value() {
    let told = refused(
        r#"[bandwidth
monthly_budget_gb = 100
billing_day = 99
[network]
interface =
"#,
    );
    assert_eq!(
        told,
        r#"error: unclosed table, expected `]`
 --> c.toml:1:11
  |
1 | [bandwidth
  |           ^
  |
  = hint: write [bandwidth]

error: a value is missing
 --> c.toml:5:12
  |
5 | interface =
  |            ^
  |
  = hint: write interface = "eth0""#
    );
}

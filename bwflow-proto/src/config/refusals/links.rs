//! Links and their interfaces.

use super::refused;

#[test]
fn no_link() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
"#,
    );
    assert_eq!(
        told,
        r#"error: no link is named
--> c.toml
 = hint: add [network] with interface = "eth0", or the name that `ip route` shows after `dev`"#
    );
}

#[test]
fn a_link_without_a_budget() {
    let told = refused(
        r#"[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: no budget for `eth0`
 --> c.toml:2:13
  |
2 | interface = "eth0"
  |             ^^^^^^
  |
  = hint: write monthly_budget_gb = 100 under [bandwidth]"#
    );
}

#[test]
fn a_network_without_an_interface() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
"#,
    );
    assert_eq!(
        told,
        r#"error: [network] names no interface
 --> c.toml:3:1
  |
3 | [network]
  | ^^^^^^^^^
  |
  = hint: write interface = "eth0" below it"#
    );
}

#[test]
fn impossible_interfaces() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[[link]]
interface = "eth0/1"
[[link]]
interface = "averyverylongname"
[[link]]
interface = "a b"
"#,
    );
    assert_eq!(
        told,
        r#"error: interface `eth0/1` holds a `/` or `:`
 --> c.toml:4:13
  |
4 | interface = "eth0/1"
  |             ^^^^^^^^
  |
  = hint: write a name that `ip link` shows, like "eth0"

error: interface `averyverylongname` is longer than 15 bytes
 --> c.toml:6:13
  |
6 | interface = "averyverylongname"
  |             ^^^^^^^^^^^^^^^^^^^
  |
  = hint: write a name that `ip link` shows, like "eth0"

error: interface `a b` holds white space or control characters
 --> c.toml:8:13
  |
8 | interface = "a b"
  |             ^^^^^
  |
  = hint: write a name that `ip link` shows, like "eth0""#
    );
}

#[test]
fn one_interface_twice() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[[link]]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: interface `eth0` has a plan already
 --> c.toml:6:13
  |
6 | interface = "eth0"
  |             ^^^^^^
  |
  = hint: one link, one budget: remove one of the two"#
    );
}

#[test]
fn one_bracket_for_a_link() {
    let told = refused(
        r#"[bandwidth]
monthly_budget_gb = 100
[link]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"error: `link` is a list of tables
 --> c.toml:3:1
  |
3 | [link]
  | ^^^^^^
  |
  = hint: write [[link]] with two brackets: there may be several"#
    );
}

#[test]
fn an_empty_file_lacks_both() {
    assert_eq!(
        refused(""),
        r#"error: no link is named
--> c.toml
 = hint: add [network] with interface = "eth0", or the name that `ip route` shows after `dev`

error: no budget is given
--> c.toml
 = hint: write monthly_budget_gb = 100 under [bandwidth]"#
    );
}

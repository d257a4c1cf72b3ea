//! What is right, but should be known.

use super::noted;

#[test]
fn a_rate_above_the_drip() {
    let told = noted(
        r#"[bandwidth]
monthly_budget_gb = 100
[network]
interface = "eth0"
[throttle]
rate = "2 Mbit/s"
"#,
    );
    assert_eq!(
        told,
        r#"note: a rate of 2 Mbit/s is above the drip of 149 kbit/s: `eth0` may use up to 720 GB a month, 620 GB over its budget
 --> c.toml:6:8
  |
6 | rate = "2 Mbit/s"
  |        ^^^^^^^^^^
  |
  = hint: rate = "drip" stays within the budget"#
    );
}

#[test]
fn a_burst_of_the_whole_budget() {
    let told = noted(
        r#"[bandwidth]
monthly_budget_gb = 100
pre_charge_gb = 100
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"note: nothing is left to drip in: once the budget is used up, the link is held to `min_rate`, 64 kbit/s, which is up to 21.4 GB a month over the budget
 --> c.toml:3:17
  |
3 | pre_charge_gb = 100
  |                 ^^^
  |
  = hint: a pre-charge below the budget leaves a drip that stays within it"#
    );
}

#[test]
fn counting_what_comes_in() {
    let told = noted(
        r#"[bandwidth]
monthly_budget_gb = 100
count = "sum"
[network]
interface = "eth0"
"#,
    );
    assert_eq!(
        told,
        r#"note: with count = "sum" what comes in is charged, but only what goes out is held back
 --> c.toml:3:9
  |
3 | count = "sum"
  |         ^^^^^
  |
  = hint: what others send cannot be held at the door; it may go over the budget"#
    );
}

#[test]
fn a_link_with_less_than_the_common_burst() {
    let told = noted(
        r#"[bandwidth]
monthly_budget_gb = 100
pre_charge_gb = 50
[[link]]
interface = "wwan0"
monthly_budget = "20 GB"
"#,
    );
    assert_eq!(
        told,
        r#"note: the pre-charge of [bandwidth], 50 GB, is more than this budget; half of the budget, 10 GB, is used
 --> c.toml:6:18
  |
6 | monthly_budget = "20 GB"
  |                  ^^^^^^^
  |
  = hint: give this link a pre_charge of its own"#
    );
}

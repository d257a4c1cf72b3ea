//! What an administrator types, end to end: bwflowctl, bwflowd, bwflow-helper, the kernel's queue.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::Rig;
use bwflow_tests::wait::wait_for;
use serde_json::Value;

const LONG: Duration = Duration::from_secs(20);

/// Runs a verb that must succeed; what it says.
fn said(rig: &Rig, words: &[&str]) -> String {
    let output = rig.ctl(words);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?}: {told}");
    told
}

/// The link under test by `bwflowctl status --json`.
fn status(rig: &Rig) -> Value {
    let output = rig.ctl(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let links = status["links"].as_array().unwrap();
    links
        .iter()
        .find(|link| link["interface"] == LINK)
        .cloned()
        .unwrap()
}

fn shown(rig: &Rig, command: &str) -> String {
    String::from_utf8(rig.ctl(&[command]).stdout).unwrap()
}

fn started() -> Rig {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    rig.wait_state("open", LONG);
    rig
}

#[test]
fn a_throttle_is_in_force_shown_and_cleared() {
    let rig = started();
    let told = said(
        &rig,
        &["throttle", "5 Mbit/s", "--for", "2h", "--reason", "backup"],
    );
    assert!(
        told.starts_with(&format!("{LINK}: capped to 5 Mbit/s until ")),
        "{told}"
    );
    let link = status(&rig);
    assert_eq!(link["state"], "manual");
    assert_eq!(link["limit_bytes_per_second"], 625_000);
    assert_eq!(link["throttle"]["owner"], "root");
    assert_eq!(link["throttle"]["reason"], "backup");
    assert!(link["until"].is_string());
    assert_eq!(link["until"], link["throttle"]["expires_at"]);
    for command in ["status", "report"] {
        let text = shown(&rig, command);
        assert!(
            text.contains(&format!("{LINK}: throttle of 5 Mbit/s by root")),
            "{text}"
        );
    }
    let told = said(&rig, &["throttle", "--clear"]);
    assert_eq!(
        told,
        format!("{LINK}: the throttle is cleared; now open, no limit: budget left\n")
    );
    assert_eq!(status(&rig)["throttle"], Value::Null);
}

#[test]
fn a_throttle_below_min_rate_must_be_meant() {
    let rig = started();
    let output = rig.ctl(&["throttle", "8 kbit/s"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("less than min_rate, 64 kbit/s"), "{told}");
    assert!(
        told.ends_with("; if that is meant, say --force\n"),
        "{told}"
    );
    let link = status(&rig);
    assert_eq!(
        (&link["state"], &link["throttle"]),
        (&"open".into(), &Value::Null)
    );
    said(&rig, &["throttle", "8 kbit/s", "--force"]);
    assert_eq!(status(&rig)["limit_bytes_per_second"], 1_000);
}

#[test]
fn an_override_ends_by_itself_and_the_throttle_below_it_holds_again() {
    let rig = started();
    said(&rig, &["throttle", "5Mbit"]);
    let told = said(&rig, &["override", "--for", "2s"]);
    assert!(told.contains("; what flows is still charged"), "{told}");
    let link = status(&rig);
    assert_eq!(link["state"], "overridden");
    assert_eq!(link["limit_bytes_per_second"], Value::Null);
    assert_eq!(link["throttle"]["rate_bytes_per_second"], 625_000);
    let took = rig.wait_state("manual", LONG);
    assert!(took < Duration::from_secs(4), "{took:?}");
    let link = status(&rig);
    assert_eq!(link["override"], Value::Null);
    assert_eq!(link["limit_bytes_per_second"], 625_000);
}

#[test]
fn a_decision_outlives_the_daemon() {
    let mut rig = started();
    said(
        &rig,
        &[
            "override", "--rate", "20Mbit", "--for", "1h", "--reason", "a move",
        ],
    );
    let before = status(&rig);
    rig.daemon.take().unwrap().terminate();
    let output = rig.ctl(&["override", "--clear"]);
    assert_eq!(output.status.code(), Some(3), "nobody is there to clear it");
    rig.start_daemon();
    rig.wait_state("overridden", LONG);
    let after = status(&rig);
    assert_eq!(after["override"], before["override"]);
    assert_eq!(after["limit_bytes_per_second"], 2_500_000);
    said(&rig, &["override", "--clear"]);
    wait_for("the limit is gone", LONG, || {
        (status(&rig)["limit_bytes_per_second"] == Value::Null).then_some(())
    });
}

#[test]
fn a_top_up_says_the_new_budget() {
    let rig = started();
    let told = said(&rig, &["override", "--add", "5 GB"]);
    assert!(
        told.starts_with(&format!(
            "{LINK}: 5 GB added: the budget of this period is 25 GB, "
        )),
        "{told}"
    );
    assert!(shown(&rig, "report").contains("TOP-UP"));
}

//! The ledger agrees with the provider's bill as soon as an administrator says what that is.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::Rig;
use bwflow_tests::wait::wait_for;
use serde_json::Value;

const LONG: Duration = Duration::from_secs(20);

/// Runs a correction that must succeed; what it says.
fn corrected(rig: &Rig, words: &[&str]) -> String {
    let output = rig.ctl(&[&["correct", "--used"], words].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?}: {told}");
    told
}

/// The adjustments that `bwflowctl history` tells of.
fn adjustments(rig: &Rig) -> Vec<Value> {
    let output = rig.ctl(&["history", "--json"]);
    let history: Value = serde_json::from_slice(&output.stdout).unwrap();
    history["links"][0]["adjustments"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn a_link_that_has_used_too_much_is_held_at_once_and_let_go_at_once() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    rig.wait_state("open", LONG);
    let told = corrected(&rig, &["18 GB", "--reason", "the bill of today"]);
    assert!(
        told.starts_with(&format!("{LINK}: corrected: 18 GB used of 20 GB, -")),
        "{told}"
    );
    assert!(told.contains("; now throttled, "), "{told}");
    assert_eq!(rig.state_word(), "throttled");
    let report = rig.report().unwrap();
    let used = report["used_bytes"].as_u64().unwrap();
    // What flows is added: of that there may have been a little.
    assert!((18_000_000_000..18_000_100_000).contains(&used), "{used}");
    assert!(report["correction_bytes"].as_i64().unwrap() > 17_000_000_000);
    let shown = String::from_utf8(rig.ctl(&["report"]).stdout).unwrap();
    assert!(shown.contains("CORRECTION"), "{shown}");

    // The bill was wrong.
    let told = corrected(&rig, &["0 B"]);
    assert!(told.contains("; now open, no limit: budget left"), "{told}");
    assert_eq!(rig.state_word(), "open");
    assert!(rig.report().unwrap()["used_bytes"].as_u64().unwrap() < 100_000);

    let both = adjustments(&rig);
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(both[0]["kind"], "correction");
    assert_eq!(both[0]["owner"], "root");
    assert_eq!(both[0]["reason"], "the bill of today");
    assert!(both[0]["at"].as_str().unwrap().ends_with('Z'), "{both:?}");
    assert!(both[0]["bytes"].as_i64().unwrap() > 17_000_000_000);
    assert!(
        both[1]["bytes"].as_i64().unwrap() <= -18_000_000_000,
        "{both:?}"
    );
    let table = String::from_utf8(rig.ctl(&["history"]).stdout).unwrap();
    assert!(table.contains(" by root: the bill of today\n"), "{table}");
}

#[test]
fn without_the_helper_a_correction_waits_is_shown_and_then_booked_once() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    rig.helper.take().unwrap().terminate();
    wait_for("the helper's leaving", LONG, || {
        rig.owner("org.bwflow1.Helper").is_none().then_some(())
    });
    let told = corrected(&rig, &["15 GB"]);
    assert!(
        told.contains("it is booked as soon as bwflow-helper runs"),
        "{told}"
    );
    let pending = || rig.ctl(&["status", "--json"]).stdout;
    let status: Value = serde_json::from_slice(&pending()).unwrap();
    let waits = &status["links"][0]["pending_corrections"][0];
    assert_eq!(waits["used_bytes"], 15_000_000_000_u64);
    assert_eq!(waits["owner"], "root");
    assert_eq!(
        status["links"][0]["pending_topups"],
        Value::Array(Vec::new())
    );
    // Not even a restart of the daemon loses it.
    rig.daemon.take().unwrap().kill();
    rig.start_daemon();
    rig.start_helper();
    wait_for("the correction is booked", LONG, || {
        let used = rig.report()?["used_bytes"].as_u64()?;
        (15_000_000_000..15_000_100_000)
            .contains(&used)
            .then_some(())
    });
    rig.wait_state("throttled", LONG);
    // Neither does a restart of the helper book it again.
    rig.helper.take().unwrap().kill();
    rig.start_helper();
    assert_eq!(adjustments(&rig).len(), 1);
    let status: Value = serde_json::from_slice(&rig.ctl(&["status", "--json"]).stdout).unwrap();
    assert_eq!(
        status["links"][0]["pending_corrections"],
        Value::Array(Vec::new())
    );
}

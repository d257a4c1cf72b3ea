//! What administrators decide, in the kernel and on disk.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::{Duration, Instant};

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{throughout, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// What may slip through beside the ledger, bytes.
const TOLERANCE: u64 = 64 * 1024;
const MEGABIT: u64 = 125_000;
const SOON: Duration = Duration::from_secs(10);

/// Runs bwflowctl, which must succeed.
fn ctl(rig: &Rig, arguments: &[&str]) {
    let output = rig.ctl(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
}

/// The link by `bwflowctl status --json`.
fn status(rig: &Rig) -> Value {
    let output = rig.ctl(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let links = status["links"].as_array().unwrap();
    links
        .iter()
        .find(|link| link["interface"] == LINK)
        .unwrap()
        .clone()
}

fn limit(rig: &Rig) -> Option<u64> {
    status(rig)["limit_bytes_per_second"].as_u64()
}

/// Everything a decision could change, without what changes by itself.
fn everything(rig: &Rig) -> String {
    let state = rig.daemon_state();
    let files: Vec<_> = fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let link = status(rig);
    let keys = ["state", "limit_bytes_per_second", "throttle", "override"];
    let shown = keys.map(|key| link[key].to_string());
    format!("{files:?} {shown:?} {}", rig.pair.inside.qdiscs(LINK))
}

#[test]
fn a_throttle_caps_while_the_budget_lasts_and_the_drip_holds_after_that() {
    let mut rig = Rig::new();
    rig.pair.send_single_packets();
    let before = rig.pair.received();
    rig.start(&young("1 GB", "50 MB", ""));
    let report = rig.report().unwrap();
    let drip = report["drip_bytes_per_second"].as_u64().unwrap();
    let paid = report["accrued_bytes"].as_u64().unwrap();
    let begin = Instant::now();
    ctl(&rig, &["throttle", "50 Mbit/s"]);
    assert_eq!(rig.state_word(), "manual");
    assert_eq!(limit(&rig), Some(50 * MEGABIT));
    let _traffic = Traffic::start(&rig.pair);
    let check = || {
        let most = paid + drip * (begin.elapsed().as_secs() + 2) + TOLERANCE;
        let received = rig.pair.received() - before;
        assert!(received <= most, "{received} of {most}");
        received
    };
    std::thread::sleep(Duration::from_millis(500));
    let got = rate_over(Duration::from_secs(4), || rig.pair.received());
    println!("MEASURED throttled to 50 Mbit/s: {:.2}", got * 8.0 / 1e6);
    assert!((0.95..1.02).contains(&(got / (50 * MEGABIT) as f64)));
    wait_for("the budget is used up", Duration::from_secs(30), || {
        check();
        (rig.state_word() == "throttled").then_some(())
    });
    assert_eq!(limit(&rig), Some(drip));
    throughout(Duration::from_secs(5), |_| {
        check();
    });
    let share = check() as f64 / paid as f64;
    println!("MEASURED {:.2} % of what was paid for", share * 100.0);
    assert!(share >= 0.95);
}

#[test]
fn swapping_limits_under_traffic_neither_leaks_nor_lifts() {
    let mut rig = Rig::new();
    rig.start(&young("200 GB", "100 GB", ""));
    ctl(&rig, &["throttle", "50 Mbit/s"]);
    let _traffic = Traffic::start(&rig.pair);
    wait_for("traffic", SOON, || {
        (rig.pair.received() > 1_000_000).then_some(())
    });
    // Each rate is half of the one before or twice as fast, and 50 Mbit/s at most.
    let (begin, before) = (Instant::now(), rig.pair.received());
    let mut swaps = 0;
    for rate in ["25 Mbit/s", "50 Mbit/s", "10 Mbit/s", "40 Mbit/s"] {
        for how in ["throttle", "override"] {
            if how == "throttle" {
                ctl(&rig, &["throttle", rate]);
            } else {
                ctl(&rig, &["override", "--rate", rate]);
            }
            assert!(rig.pair.inside.is_shaped(LINK));
            swaps += 2;
        }
        ctl(&rig, &["override", "--clear"]);
    }
    std::thread::sleep(Duration::from_secs(2));
    let received = rig.pair.received() - before;
    let most = (begin.elapsed().as_secs_f64() * (50 * MEGABIT) as f64) as u64;
    let most = most + swaps * TOLERANCE;
    println!("MEASURED {received} of {most} bytes over {swaps} swaps");
    assert!(received <= most);
}

#[test]
fn an_override_lifts_is_charged_and_ends_by_itself() {
    let mut rig = Rig::new();
    rig.start(&young("1 GB", "1 MB", ""));
    let _traffic = Traffic::start(&rig.pair);
    rig.wait_state("throttled", SOON);
    let used = rig.report().unwrap()["used_bytes"].as_u64().unwrap();
    let begin = Instant::now();
    ctl(&rig, &["override", "--for", "3s", "--reason", "a film"]);
    assert_eq!(rig.state_word(), "overridden");
    assert!(!rig.pair.inside.is_shaped(LINK));
    let before = rig.pair.received();
    wait_for("it is over", SOON, || {
        rig.pair.inside.is_shaped(LINK).then_some(())
    });
    let took = begin.elapsed();
    println!("MEASURED an override for 3 s ended after {took:?} (with the time to type it)");
    assert!(took < Duration::from_millis(3500), "{took:?}");
    assert!(took >= Duration::from_secs(3), "{took:?}");
    let flowed = rig.pair.received() - before;
    assert!(flowed > 100_000_000, "{flowed}");
    rig.wait_state("throttled", SOON);
    wait_for("it is charged", Duration::from_secs(20), || {
        let now = rig.report()?["used_bytes"].as_u64()?;
        (now >= used + flowed).then_some(())
    });
}

#[test]
fn a_kill_and_a_restart_keep_what_was_decided() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    ctl(
        &rig,
        &["throttle", "8 Mbit/s", "--for", "1h", "--reason", "backup"],
    );
    let throttle = status(&rig)["throttle"].clone();
    assert!(throttle.is_object(), "{throttle}");
    let _traffic = Traffic::start(&rig.pair);
    wait_for("traffic", SOON, || {
        (rig.pair.received() > 1_000_000).then_some(())
    });
    let (begin, before) = (Instant::now(), rig.pair.received());
    rig.daemon.as_mut().unwrap().kill();
    rig.start_daemon();
    wait_for("the helper's grant", SOON, || {
        (limit(&rig) == Some(8 * MEGABIT)).then_some(())
    });
    assert_eq!(rig.state_word(), "manual");
    assert_eq!(status(&rig)["throttle"], throttle);
    std::thread::sleep(Duration::from_secs(2));
    let received = rig.pair.received() - before;
    let most = (begin.elapsed().as_secs_f64() * (8 * MEGABIT) as f64) as u64;
    assert!(received <= most + 2 * TOLERANCE, "{received} of {most}");
    assert!(received as f64 >= 0.7 * most as f64, "{received} of {most}");
    ctl(&rig, &["throttle", "--clear"]);
    rig.wait_state("open", SOON);
    assert!(!rig.pair.inside.is_shaped(LINK));
}

#[test]
fn what_ended_while_nobody_looked_has_ended() {
    let mut rig = Rig::new();
    rig.start(&young("1 GB", "1 MB", ""));
    let _traffic = Traffic::start(&rig.pair);
    rig.wait_state("throttled", SOON);
    ctl(&rig, &["override", "--for", "2s"]);
    rig.daemon.as_mut().unwrap().kill();
    std::thread::sleep(Duration::from_millis(2100));
    rig.start_daemon();
    rig.wait_state("throttled", SOON);
    assert!(status(&rig)["override"].is_null());
}

#[test]
fn a_claim_alone_makes_a_link() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    ctl(&rig, &["throttle", "8 Mbit/s"]);
    rig.kill_both();
    // As after a boot: nothing is on the link, and no helper has said anything.
    rig.pair.inside.tc(&format!("qdisc del dev {LINK} root"));
    rig.start_daemon();
    assert_eq!(rig.state_word(), "manual");
    assert_eq!(limit(&rig), Some(8 * MEGABIT));
    let _traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_millis(500));
    let got = rate_over(Duration::from_secs(3), || rig.pair.received());
    assert!((0.9..1.02).contains(&(got / (8 * MEGABIT) as f64)), "{got}");
}

#[test]
fn a_decision_that_cannot_be_written_down_changes_nothing() {
    let mut rig = Rig::new();
    rig.start(&young("1 GB", "1 MB", ""));
    let _traffic = Traffic::start(&rig.pair);
    rig.wait_state("throttled", SOON);
    ctl(&rig, &["throttle", "1 kbit/s", "--force"]);
    rig.wait_state("manual", SOON);
    chown(rig.daemon_state(), Some(0), Some(0)).unwrap();
    fs::set_permissions(rig.daemon_state(), fs::Permissions::from_mode(0o755)).unwrap();
    let before = everything(&rig);
    for verb in [
        &["override"][..],
        &["override", "--add", "1 GB"],
        &["throttle", "1 Mbit/s"],
        &["throttle", "--clear"],
    ] {
        let output = rig.ctl(verb);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("cannot be written down"), "{text}");
        assert_eq!(everything(&rig), before, "{verb:?}");
    }
}

#[test]
fn a_damaged_file_is_kept_and_the_daemon_starts() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    ctl(&rig, &["throttle", "8 Mbit/s"]);
    rig.daemon.as_mut().unwrap().signal(Signal::SIGTERM);
    rig.daemon.as_mut().unwrap().wait();
    let file = rig.daemon_state().join("claims.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    rig.start_daemon();
    rig.wait_state("open", SOON);
    assert!(status(&rig)["throttle"].is_null());
    let aside = rig.daemon_state().join("claims.json.damaged");
    assert_eq!(fs::read_to_string(aside).unwrap(), text[..text.len() / 2]);
}

//! The cap in the kernel, when the daemon ends, when it changes, and when others speak, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bwflow_proto::grant::Grant;
use bwflow_tests::grant::{grant, set_grant};
use bwflow_tests::net::LINK;
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::scene::Scene;
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{milliseconds, throughout, wait_for};
use serde_json::Value;

/// Bytes a second: 20 and 5 Mbit/s.
const CAP: u64 = 2_500_000;
const LOW: u64 = 625_000;
/// What is dripping in, 1 Mbit/s.
const DRIP: u64 = 125_000;

/// A daemon with this grant, capped.
fn start(available: i64, peak: u64) -> (Rig, Grant) {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    let grant = Grant {
        peak_bytes_per_second: peak,
        ..grant(&rig.pair, available, DRIP)
    };
    set_grant(&rig, grant.clone()).unwrap();
    wait_for("the cap", Duration::from_secs(5), || {
        is_capped(&rig, "20Mbit").then_some(())
    });
    (rig, grant)
}

fn is_capped(rig: &Rig, rate: &str) -> bool {
    let shown = rig.pair.inside.qdiscs(LINK);
    shown.contains("b0f1:") && shown.contains(&format!("peakrate {rate} "))
}

fn assert_capped(rig: &Rig) {
    let shown = rig.pair.inside.qdiscs(LINK);
    assert!(is_capped(rig, "20Mbit"), "{shown}");
}

fn status(rig: &Rig) -> Value {
    let output = rig.ctl(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let links = status["links"].as_array().unwrap();
    links
        .iter()
        .find(|it| it["interface"] == LINK)
        .cloned()
        .unwrap()
}

fn ctl(rig: &Rig, arguments: &[&str]) {
    let output = rig.ctl(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[test]
fn a_daemon_that_ends_leaves_the_cap_or_has_it_again_at_once() {
    let (mut rig, _) = start(3_000_000_000, CAP);
    rig.pair.send_single_packets();
    let traffic = Traffic::start(&rig.pair);
    for _ in 0..2 {
        rig.daemon.as_mut().unwrap().kill();
        throughout(Duration::from_millis(200), |_| assert_capped(&rig));
        rig.start_daemon();
        throughout(Duration::from_millis(500), |_| assert_capped(&rig));
        assert_eq!(status(&rig)["limit_bytes_per_second"], CAP);
    }
    let rate = rate_over(Duration::from_secs(1), || rig.pair.received());
    println!(
        "MEASURED after two kills, capped to 20 Mbit/s: {:.2} Mbit/s",
        rate * 8e-6
    );
    assert!((0.95..1.02).contains(&(rate / CAP as f64)), "{rate}");
    drop(traffic);
    // A plain end lifts what nobody would look after any more; the next start has it again.
    rig.daemon.as_mut().unwrap().terminate();
    let begin = Instant::now();
    rig.start_daemon();
    wait_for("the cap after a restart", Duration::from_secs(1), || {
        is_capped(&rig, "20Mbit").then_some(())
    });
    println!(
        "MEASURED {:.0} ms from the start to the cap",
        milliseconds(begin.elapsed())
    );
}

#[test]
fn another_cap_is_put_in_place_and_fills_no_bucket() {
    const AVAILABLE: i64 = 8_000_000;
    let (rig, granted) = start(AVAILABLE, CAP);
    rig.pair.send_single_packets();
    let before = rig.pair.sent();
    let begin = Instant::now();
    let _traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_millis(800));
    // At no moment without a cap while it changes, ten times to and fro.
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut looks = 0;
            while !stop.load(Ordering::Relaxed) && begin.elapsed() < Duration::from_secs(30) {
                let shown = rig.pair.inside.qdiscs(LINK);
                assert!(shown.contains("peakrate"), "{shown}");
                looks += 1;
            }
            looks
        });
        for peak in [LOW, CAP, LOW, CAP, LOW, CAP, LOW, CAP, LOW] {
            let other = Grant {
                peak_bytes_per_second: peak,
                ..granted.clone()
            };
            set_grant(&rig, other).unwrap();
            let rate = if peak == LOW { "5Mbit" } else { "20Mbit" };
            wait_for(rate, Duration::from_secs(2), || {
                is_capped(&rig, rate).then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
        println!(
            "MEASURED {} looks at the changing cap",
            watch.join().unwrap()
        );
    });
    let rate = rate_over(Duration::from_secs(1), || rig.pair.received());
    assert!(
        (0.93..1.02).contains(&(rate / LOW as f64)),
        "{rate} of {LOW}"
    );
    // Lifted: what is left flows at full speed, and not a byte more than was granted.
    set_grant(
        &rig,
        Grant {
            peak_bytes_per_second: 0,
            ..granted
        },
    )
    .unwrap();
    rig.wait_state("throttled", Duration::from_secs(5));
    std::thread::sleep(Duration::from_millis(500));
    let (sent, took) = (rig.pair.sent() - before, begin.elapsed());
    let left = AVAILABLE as f64 + took.as_secs_f64() * DRIP as f64 - sent as f64;
    println!("MEASURED {sent} bytes over ten caps, {left:.0} less than granted");
    assert!((-1e5..1.5e6).contains(&left), "{left}");
}

/// Waits until the link is in this state at this limit, and returns the reason that is given.
fn wait_for_state(rig: &Rig, state: &str, limit: u64) -> String {
    wait_for(
        &format!("{state} at {limit}"),
        Duration::from_secs(5),
        || {
            let status = status(rig);
            let found = (
                status["state"].as_str()?,
                status["limit_bytes_per_second"].as_u64(),
            );
            (found == (state, (limit > 0).then_some(limit))).then_some(())
        },
    );
    let reason = &status(rig)["reason"];
    reason.as_str().unwrap_or_default().to_owned()
}

/// What stands in the reason while the spend guard's cap is what holds.
const GUARDED: &str = "by the spend guard";

#[test]
fn a_throttle_only_tightens_the_cap_and_an_override_beats_it() {
    let mut scene = Scene::new();
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    let rig = &scene.rig;
    let shows = |state: &str, limit: u64| wait_for_state(rig, state, limit);
    assert!(shows("armed", CAP).contains(GUARDED));
    ctl(rig, &["throttle", "50 Mbit/s"]);
    assert!(shows("armed", CAP).contains(GUARDED));
    assert!(is_capped(rig, "20Mbit"));
    ctl(rig, &["throttle", "10 Mbit/s"]);
    assert!(!shows("manual", CAP / 2).contains(GUARDED));
    assert!(is_capped(rig, "10Mbit"));
    ctl(rig, &["override", "--rate", "100 Mbit/s", "--for", "1h"]);
    assert!(!shows("overridden", 5 * CAP).contains(GUARDED));
    ctl(rig, &["override", "--for", "1h"]);
    shows("overridden", 0);
    assert!(!rig.pair.inside.is_shaped(LINK));
    // The cap comes back with the end of what an administrator has asked for.
    ctl(rig, &["override", "--clear"]);
    shows("manual", CAP / 2);
    ctl(rig, &["throttle", "--clear"]);
    assert!(shows("armed", CAP).contains(GUARDED));
    assert!(is_capped(rig, "20Mbit"));
}

#[test]
fn of_a_cap_and_a_budget_that_is_used_up_the_slower_one_holds_and_is_named() {
    let (rig, granted) = start(3_000_000_000, CAP);
    let set = |available_bytes, peak_bytes_per_second| {
        let grant = Grant {
            available_bytes,
            peak_bytes_per_second,
            ..granted.clone()
        };
        set_grant(&rig, grant).unwrap();
    };
    set(0, CAP);
    assert!(!wait_for_state(&rig, "throttled", DRIP).contains(GUARDED));
    set(0, DRIP / 2);
    assert!(!wait_for_state(&rig, "throttled", DRIP / 2).contains(GUARDED));
    // Plenty left, but the cap is slower than what drips in.
    set(3_000_000_000, DRIP / 2);
    wait_for_state(&rig, "throttled", DRIP / 2);
    set(0, CAP);
    wait_for_state(&rig, "throttled", DRIP);
    set(3_000_000_000, CAP);
    assert!(wait_for_state(&rig, "armed", CAP).contains(GUARDED));
}

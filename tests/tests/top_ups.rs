//! Bytes that an administrator adds are booked exactly once, whatever crashes when.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::rig::Rig;
use bwflow_tests::wait::wait_for;
use nix::sys::signal::Signal;

const LONG: Duration = Duration::from_secs(20);
const MEGABYTE: u64 = 1_000_000;

/// The bytes that were added and booked, by the report.
fn booked(rig: &Rig) -> Option<u64> {
    rig.report()?["topup_bytes"].as_u64()
}

/// Small numbers that look random; `state` is the seed and what follows from it (xorshift).
fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[test]
fn a_top_up_is_booked_at_once_and_may_flow() {
    let mut rig = Rig::new();
    rig.start(&young("20 MB", "1 MB", ""));
    let before = rig.report().unwrap()["available_bytes"].as_i64().unwrap();
    let output = rig.ctl(&["override", "--add", "5 MB", "--reason", "release day"]);
    assert!(output.status.success(), "{output:?}");
    let link = rig.report().unwrap();
    assert_eq!(link["topup_bytes"], 5 * MEGABYTE);
    assert!(link["available_bytes"].as_i64().unwrap() >= before + 5_000_000);
}

#[test]
fn without_the_helper_a_top_up_waits_and_then_is_booked() {
    let mut rig = Rig::new();
    rig.start(&young("20 MB", "1 MB", ""));
    rig.helper.take().unwrap().terminate();
    let output = rig.ctl(&["override", "--add", "5 MB"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(booked(&rig), Some(0));
    // Not even a restart of the daemon loses it.
    rig.daemon.take().unwrap().kill();
    rig.start_daemon();
    rig.start_helper();
    wait_for("the top-up is booked", LONG, || {
        (booked(&rig)? == 5 * MEGABYTE).then_some(())
    });
}

#[test]
fn whatever_crashes_each_acknowledged_top_up_is_booked_once() {
    // Every round adds another power of four, so that the sum tells how often each was booked.
    const ROUNDS: u32 = 24;
    let seed = std::env::var("BWFLOW_SEED");
    let mut state: u64 = seed.map_or(0x9e37_79b9_7f4a_7c15, |seed| seed.parse().unwrap());
    println!("seed {state}");
    let mut rig = Rig::new();
    rig.start(&young("10 GB", "10 GB", ""));
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut add = Command::new(rig.directory().join("bwflowctl"))
            .args(["--address", &rig.bus.address(), "override", "--add"])
            .arg(format!("{} B", 4_u64.pow(round)))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The random moment.
        std::thread::sleep(Duration::from_millis(random(&mut state, 40)));
        let victims = 1 + round % 3;
        if victims & 1 != 0 {
            rig.helper.as_ref().unwrap().signal(Signal::SIGKILL);
        }
        if victims & 2 != 0 {
            rig.daemon.take().unwrap().kill();
            rig.start_daemon();
        }
        if victims & 1 != 0 {
            rig.helper.take().unwrap().wait();
            rig.start_helper();
        }
        if add.wait().unwrap().success() {
            acknowledged.push(round);
        }
        rig.wait_state("open", LONG);
    }
    // One more: when it is there, nothing is on its way any more.
    let last = 4_u64.pow(ROUNDS);
    let output = rig.ctl(&["override", "--add", &format!("{last} B")]);
    assert!(output.status.success(), "{output:?}");
    let (_, sum) = wait_for("all of them are booked", LONG, || {
        booked(&rig).filter(|sum| *sum >= last)
    });
    let times = |round: u32| sum >> (2 * round) & 3;
    let count: u64 = (0..ROUNDS).map(times).sum();
    println!(
        "MEASURED {ROUNDS} top-ups amid kills of both programs: {} acknowledged, {count} booked",
        acknowledged.len()
    );
    for round in 0..=ROUNDS {
        assert!(
            times(round) <= 1,
            "top-up {round} was booked {} times",
            times(round)
        );
    }
    for round in &acknowledged {
        assert_eq!(times(*round), 1, "top-up {round} was acknowledged and lost");
    }
    assert!(acknowledged.len() >= 6, "too few to show anything");
}

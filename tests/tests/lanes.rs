//! The lanes of a link that excludes networks, by bwflowd alone: what the charged one lets through,
//! by the peer's count.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap
)]

use std::time::{Duration, Instant};

use bwflow_proto::exclusion::Exclusion;
use bwflow_proto::grant::Grant;
use bwflow_tests::flow::Flow;
use bwflow_tests::grant::{grant, set_grant};
use bwflow_tests::net::{LINK, Pair};
use bwflow_tests::peer::{CHARGED, Counts, FREE, FREE_NETWORK};
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::wait::{throughout, wait_for};

fn excluding(pair: &Pair, available: i64, rate: u64) -> Grant {
    let exclusion = Some(Exclusion {
        networks: vec![FREE_NETWORK.into()],
        ..Exclusion::default()
    });
    Grant {
        exclusion,
        ..grant(pair, available, rate)
    }
}

fn wait_lanes(rig: &Rig) {
    wait_for("the lanes", Duration::from_secs(10), || {
        let qdiscs = rig.pair.inside.qdiscs(LINK);
        let both = qdiscs.contains("htb b0f1: root") && qdiscs.contains("parent b0f1:1");
        both.then_some(())
    });
}

#[test]
fn the_charged_lane_is_held_at_1_10_and_100_megabits() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    rig.pair.send_single_packets();
    let counts = Counts::start(&rig.pair);
    let _charged = Flow::start(&rig.pair, CHARGED, 5001);
    for (megabits, beside) in [
        (1u64, false),
        (10, false),
        (100, false),
        (1, true),
        (10, true),
    ] {
        let rate = megabits * 125_000;
        set_grant(&rig, excluding(&rig.pair, 0, rate)).unwrap();
        wait_lanes(&rig);
        let free = beside.then(|| Flow::start(&rig.pair, FREE, 5002));
        std::thread::sleep(Duration::from_secs(1));
        let free_before = counts.free();
        let got = rate_over(Duration::from_secs(10), || counts.charged());
        let passed = counts.free() - free_before;
        let off = got / rate as f64 - 1.0;
        println!(
            "MEASURED {megabits} Mbit/s in its lane: {:.4} Mbit/s, {:+.2} %, beside {} MB",
            got * 8.0 / 1e6,
            off * 100.0,
            passed / 1_000_000
        );
        // Alone as exactly as a bucket without lanes. Beside free traffic, which fills the processor
        // here and whose lane HTB takes first, it may be a little slower, but no faster.
        let least = if beside { -0.05 } else { -0.02 };
        assert!((least..0.02).contains(&off));
        assert_eq!(passed > 100_000_000, free.is_some(), "{passed}");
    }
}

/// A grant that runs out in the middle of a stream, with another beside it.
fn runs_out(rig: &Rig, available: i64) {
    const RATE: u64 = 125_000;
    let counts = Counts::start(&rig.pair);
    let _charged = Flow::start(&rig.pair, CHARGED, 5001);
    wait_for("the stream", Duration::from_secs(5), || {
        (counts.charged() > 1_000_000).then_some(())
    });
    let granted = excluding(&rig.pair, available, RATE);
    // All that was sent until then was for this address, but for some words between neighbours.
    let before = granted.tx_counter as i64;
    let begin = Instant::now();
    set_grant(rig, granted).unwrap();
    let _free = Flow::start(&rig.pair, FREE, 5002);
    let mut worst = i64::MIN;
    let sent = || counts.charged() as i64 - before;
    let mut check = |_| {
        let sent = sent();
        let over = sent - available - (begin.elapsed().as_secs_f64() * RATE as f64) as i64;
        worst = worst.max(over);
        assert!(over <= 65_536, "{over} bytes over");
    };
    wait_for("it is used up", Duration::from_secs(60), || {
        check(Duration::ZERO);
        (sent() > available / 100 * 99).then_some(())
    });
    throughout(Duration::from_secs(3), &mut check);
    println!(
        "MEASURED {} bytes of a grant of {available} and its drip, {} MB beside; at worst {worst} over",
        sent(),
        counts.free() / 1_000_000
    );
    assert!(counts.free() as i64 > available / 10);
    wait_lanes(rig);
}

#[test]
fn a_grant_runs_out_to_the_byte_in_whole_segments() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    runs_out(&rig, 1_000_000_000);
}

#[test]
fn a_grant_runs_out_to_the_byte_in_single_packets() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    rig.pair.send_single_packets();
    runs_out(&rig, 100_000_000);
}

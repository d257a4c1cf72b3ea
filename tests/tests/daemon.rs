//! bwflowd alone: the test plays the helper.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bwflow_proto::grant::Grant;
use bwflow_tests::grant::{grant, set_grant};
use bwflow_tests::net::{LINK, Pair};
use bwflow_tests::process::run;
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{throughout, wait_for};

#[test]
fn a_grant_is_held_to_the_byte_at_full_speed() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    let traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_millis(300));
    let speed = rate_over(Duration::from_millis(500), || rig.pair.received()) * 8.0 / 1e9;
    println!("MEASURED unlimited: {speed:.1} Gbit/s");
    assert!(speed > 5.0);
    let granted = grant(&rig.pair, 1_000_000_000, 125_000);
    let before = granted.tx_counter;
    let begin = Instant::now();
    set_grant(&rig, granted).unwrap();
    let mut worst = i64::MIN;
    throughout(Duration::from_secs(5), |_| {
        let sent = i64::try_from(rig.pair.sent() - before).unwrap();
        let dripped = begin.elapsed().as_secs_f64() * 125_000.0;
        let allowed = 1_000_000_000 + dripped as i64;
        worst = worst.max(sent - allowed);
        assert!(sent <= allowed + 65_536, "{} bytes over", sent - allowed);
    });
    let sent = rig.pair.sent() - before;
    println!(
        "MEASURED sent {sent} bytes of a grant of 1000000000 and its drip; at worst {worst} bytes over"
    );
    assert!(sent > 990_000_000);
    drop(traffic);
}

#[test]
fn it_holds_at_1_10_and_100_megabits() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    let _traffic = Traffic::start(&rig.pair);
    for megabits in [1u64, 10, 100] {
        let rate = megabits * 125_000;
        set_grant(&rig, grant(&rig.pair, 0, rate)).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let got = rate_over(Duration::from_secs(10), || rig.pair.received());
        let off = got / rate as f64 - 1.0;
        println!(
            "{megabits} Mbit/s: {:.4} Mbit/s, {:+.2} %",
            got * 8.0 / 1e6,
            off * 100.0
        );
        assert!(off.abs() < 0.02);
    }
}

#[test]
fn a_stolen_limit_is_back_within_100_ms() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    set_grant(&rig, grant(&rig.pair, 0, 125_000)).unwrap();
    for _ in 0..5 {
        wait_for("shaped", Duration::from_secs(2), || {
            rig.pair.inside.is_shaped(LINK).then_some(())
        });
        rig.pair.inside.tc(&format!("qdisc del dev {LINK} root"));
        let (took, ()) = wait_for("shaped again", Duration::from_secs(2), || {
            rig.pair.inside.is_shaped(LINK).then_some(())
        });
        println!("MEASURED a stolen limit is back after {took:?} (with the time tc takes to tell)");
        assert!(took < Duration::from_millis(100));
    }
}

#[test]
fn a_link_that_ran_dry_goes_on_at_its_drip() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    let _traffic = Traffic::start(&rig.pair);
    wait_for("traffic", Duration::from_secs(5), || {
        (rig.pair.received() > 10_000_000).then_some(())
    });
    // In the middle of a full-speed stream, whose segments then stand in the queue.
    set_grant(&rig, grant(&rig.pair, 200_000_000, 125_000)).unwrap();
    rig.wait_state("throttled", Duration::from_secs(10));
    // The sender lost what was queued and takes its time to notice.
    wait_for("the stream goes on", Duration::from_secs(5), || {
        let before = rig.pair.received();
        std::thread::sleep(Duration::from_millis(500));
        (rig.pair.received() - before > 50_000).then_some(())
    });
    let got = rate_over(Duration::from_secs(10), || rig.pair.received());
    println!(
        "MEASURED after running dry {:.4} Mbit/s of 1",
        got * 8.0 / 1e6
    );
    assert!((got / 125_000.0 - 1.0).abs() < 0.02);
}

/// The round trips of 100 pings beside a stream, in milliseconds, ascending.
fn pings(pair: &Pair) -> Vec<f64> {
    let arguments = [
        "netns",
        "exec",
        pair.inside.name(),
        "ping",
        "-n",
        "-i",
        "0.1",
        "-c",
        "100",
    ];
    let arguments = [&arguments[..], &["-W", "2", "10.99.0.2"]].concat();
    let output = std::process::Command::new("ip")
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let times = text
        .lines()
        .filter_map(|line| line.split("time=").nth(1)?.split(' ').next());
    let mut times: Vec<f64> = times.map(|time| time.parse().unwrap()).collect();
    times.sort_by(f64::total_cmp);
    times
}

#[test]
fn ping_stays_usable_beside_a_stream_at_1_megabit() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    set_grant(&rig, grant(&rig.pair, 0, 125_000)).unwrap();
    let _traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_secs(2));
    let times = pings(&rig.pair);
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let queue = if rig.pair.inside.qdiscs(LINK).contains("fq_codel") {
        "fq_codel"
    } else {
        "bfifo"
    };
    println!(
        "MEASURED ping beside a stream at 1 Mbit/s ({queue}): p50 {p50} ms, p99 {p99} ms, {} of 100",
        times.len()
    );
    assert!(times.len() >= 80, "{} answers", times.len());
    assert!(p50 < if queue == "fq_codel" { 60.0 } else { 200.0 });
}

#[test]
fn a_cap_holds_while_bytes_are_left() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    let capped = Grant {
        peak_bytes_per_second: 12_500_000,
        ..grant(&rig.pair, 50_000_000, 125_000)
    };
    set_grant(&rig, capped).unwrap();
    let _traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_millis(500));
    let got = rate_over(Duration::from_secs(2), || rig.pair.received());
    println!(
        "MEASURED capped at 100 Mbit/s with bytes left: {:.2} Mbit/s",
        got * 8.0 / 1e6
    );
    assert!((0.90..1.02).contains(&(got / 12_500_000.0)));
    rig.wait_state("throttled", Duration::from_secs(20));
    assert!(rig.pair.received() < 50_000_000 + 20 * 125_000);
}

#[test]
fn packets_of_a_larger_mtu_pass_a_held_link() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    set_grant(&rig, grant(&rig.pair, 0, 125_000)).unwrap();
    rig.wait_state("throttled", Duration::from_secs(5));
    rig.pair.outside.ip("link set peer0 mtu 9000");
    rig.pair.inside.ip(&format!("link set {LINK} mtu 9000"));
    let ping = [
        "netns",
        "exec",
        rig.pair.inside.name(),
        "ping",
        "-c",
        "3",
        "-i",
        "0.2",
    ];
    run(
        "ip",
        &[
            &ping[..],
            &["-M", "do", "-s", "8000", "-W", "2", "10.99.0.2"],
        ]
        .concat(),
    );
}

#[test]
fn small_packets_behind_a_segment_do_not_block_a_link_that_ran_dry() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    set_grant(&rig, grant(&rig.pair, 50_000_000, 125_000)).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let flood = rig.pair.inside.thread(move || {
        let socket = UdpSocket::bind("10.99.0.1:0").unwrap();
        while !flag.load(Ordering::Relaxed) {
            let _ = socket.send_to(&[0; 64], "10.99.0.2:9");
        }
    });
    let traffic = Traffic::start(&rig.pair);
    rig.wait_state("throttled", Duration::from_secs(20));
    let before = rig.pair.sent();
    std::thread::sleep(Duration::from_secs(3));
    let sent = rig.pair.sent() - before;
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    drop(traffic);
    assert!(sent > 200_000, "only {sent} bytes in 3 s at 1 Mbit/s");
}

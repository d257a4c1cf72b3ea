//! Networks that are neither charged nor held back, with the real kernel and real traffic.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::flow::{Flow, send_udp};
use bwflow_tests::net::{LINK, Namespace, Pair};
use bwflow_tests::process::run;
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::wait::wait_for;
use nix::sys::signal::Signal;
use serde_json::Value;

/// The peer's address that costs money, and those in excluded networks.
const CHARGED: &str = "10.99.0.2";
const FREE: &str = "10.98.0.2";
const FREE_V6: &str = "fd00:98::2";

/// A second pair of addresses for each version of IP.
fn address(pair: &Pair) {
    pair.inside
        .within(|| std::fs::write("/proc/sys/net/ipv6/conf/wan0/disable_ipv6", "0").unwrap());
    pair.outside
        .within(|| std::fs::write("/proc/sys/net/ipv6/conf/peer0/disable_ipv6", "0").unwrap());
    pair.inside.ip("addr add 10.98.0.1/24 dev wan0");
    pair.outside.ip("addr add 10.98.0.2/24 dev peer0");
    pair.inside.ip("addr add fd00:98::1/64 dev wan0 nodad");
    pair.outside.ip("addr add fd00:98::2/64 dev peer0 nodad");
}

fn config(budget: &str, burst: &str, exclude: &str) -> String {
    young(budget, burst, "").replace(
        "[bandwidth]\n",
        &format!("[bandwidth]\nexclude = [{exclude}]\n"),
    )
}

/// What neighbours have to say to each other meanwhile.
const PACKET: u64 = 1500;

const NETWORKS: &str = r#""10.98.0.0/16", "fd00::/8""#;

fn start(budget: &str, burst: &str) -> Rig {
    let mut rig = Rig::new();
    address(&rig.pair);
    rig.start(&config(budget, burst, NETWORKS));
    wait_counting(&rig);
    rig
}

/// Waits until the helper knows the daemon's count, from which on everything is exact.
fn wait_counting(rig: &Rig) {
    wait_for("the first count", Duration::from_secs(10), || {
        // Networks, epoch, bytes sent and received.
        let epoch = rig.kept_grant()?["exclusion"][1].as_u64()?;
        (epoch > 0).then_some(())
    });
}

fn nft(place: &Namespace, words: &str) -> String {
    let mut all = vec!["netns", "exec", place.name(), "nft"];
    all.extend(words.split_whitespace());
    run("ip", &all)
}

fn rules(rig: &Rig) -> String {
    nft(&rig.pair.inside, "list ruleset")
}

/// Sends datagrams of 1200 bytes as fast as it goes, whether they arrive or not; with a priority
/// (`SO_PRIORITY`) unless that is 0.
fn blast(rig: &Rig, address: &str, priority: u32, many: u32) {
    const PROGRAM: &str = "socket(S, PF_INET, SOCK_DGRAM, 0) or die $!; \
        !$ARGV[1] or setsockopt(S, SOL_SOCKET, 12, pack('I', $ARGV[1])) or die $!; \
        my $to = pack_sockaddr_in(9, inet_aton($ARGV[0])); \
        send(S, 'x' x 1200, MSG_DONTWAIT, $to) for 1..$ARGV[2];";
    let words = [&priority.to_string(), &many.to_string()];
    let place = ["netns", "exec", rig.pair.inside.name(), "perl", "-MSocket"];
    run(
        "ip",
        &[&place[..], &["-e", PROGRAM, address, words[0], words[1]]].concat(),
    );
}

/// Fresh figures: used and excluded bytes.
fn figures(rig: &Rig) -> (u64, u64) {
    let report = rig.fresh_report();
    let number = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{report}"));
    (number("used_bytes"), number("excluded_bytes"))
}

#[test]
fn excluded_traffic_runs_free_beside_a_held_link_and_neither_is_mischarged() {
    let rig = start("100 GB", "1 MB");
    let _charged = Flow::start(&rig.pair, CHARGED, 5001);
    rig.wait_state("throttled", Duration::from_secs(15));
    let report = rig.report().unwrap();
    let drip = report["drip_bytes_per_second"].as_u64().unwrap();
    let free = Flow::start(&rig.pair, FREE, 5002);
    let charged_before = _charged.received();
    let speed = rate_over(Duration::from_secs(3), || free.received());
    let held = (_charged.received() - charged_before) as f64 / 3.0;
    println!(
        "MEASURED beside a held link: {:.2} Gbit/s free, {:.0} B/s charged at a drip of {drip} B/s",
        speed * 8.0 / 1e9,
        held
    );
    assert!(speed * 8.0 > 1e9, "{speed}");
    assert!(held < drip as f64 * 1.5 + 100_000.0, "{held}");
    let v6 = Flow::start(&rig.pair, FREE_V6, 5003);
    wait_for("IPv6 in plenty", Duration::from_secs(5), || {
        (v6.received() > 100_000_000).then_some(())
    });
    drop((free, v6));
    assert_eq!(rig.state_word(), "throttled");
    let (used, excluded) = figures(&rig);
    println!(
        "MEASURED used {used}, excluded {excluded}, sent {}",
        rig.pair.sent()
    );
    let accrued = rig.report().unwrap()["accrued_bytes"].as_u64().unwrap();
    assert!(used <= accrued + 64 * 1024, "{used} {accrued}");
    assert!(excluded > 400_000_000, "{excluded}");
}

#[test]
fn the_ledger_agrees_with_the_peer_to_within_a_packet() {
    let rig = start("100 GB", "50 GB");
    let (used_before, excluded_before) = figures(&rig);
    let sent_before = rig.pair.sent();
    let count = |address: &'static str, port, many, size| {
        let before = rig.pair.sent();
        send_udp(&rig.pair, address, port, many, size);
        rig.pair.sent() - before
    };
    let charged = count(CHARGED, 6001, 3000, 1000);
    let free = count(FREE, 6002, 5000, 1200);
    let free_v6 = count(FREE_V6, 6003, 4000, 1100);
    let (used, excluded) = figures(&rig);
    let (used, excluded) = (used - used_before, excluded - excluded_before);
    println!(
        "MEASURED charged {charged}, free {free} + {free_v6}; used {used}, excluded {excluded}"
    );
    assert!((used + excluded).abs_diff(rig.pair.sent() - sent_before) <= PACKET);
    // Neighbours ask for each other's addresses, which is charged.
    assert!(used.abs_diff(charged) <= PACKET, "{used} {charged}");
    assert!(excluded.abs_diff(free + free_v6) <= PACKET, "{excluded}");
}

#[test]
fn a_ruleset_that_somebody_flushes_comes_back_at_once() {
    let rig = start("100 GB", "1 MB");
    let free = Flow::start(&rig.pair, FREE, 5002);
    wait_for("some of it", Duration::from_secs(5), || {
        (free.received() > 100_000_000).then_some(())
    });
    let (_, before) = figures(&rig);
    for _ in 0..5 {
        nft(&rig.pair.inside, "flush ruleset");
        let (took, ()) = wait_for("the rules", Duration::from_secs(2), || {
            rules(&rig).contains("@v4").then_some(())
        });
        println!("MEASURED rules back after {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    let (_, after) = figures(&rig);
    assert!(after >= before, "{after} {before}");
    let received = free.received();
    wait_for("on and on", Duration::from_secs(5), || {
        (free.received() > received + 100_000_000).then_some(())
    });
    assert!(figures(&rig).1 > after);
}

#[test]
fn a_flushed_ruleset_comes_back_on_a_link_at_rest() {
    // Nothing is near its end here, so that nobody looks by himself for a quarter of a minute.
    let rig = start("100 GB", "50 GB");
    rig.wait_state("open", Duration::from_secs(5));
    for _ in 0..4 {
        nft(&rig.pair.inside, "flush ruleset");
        let (took, ()) = wait_for("the rules", Duration::from_secs(20), || {
            rules(&rig).contains("@v4").then_some(())
        });
        println!("MEASURED rules of a link at rest back after {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    assert!(!rig.pair.inside.is_shaped(LINK));
}

#[test]
fn killing_either_daemon_loses_nothing() {
    let mut rig = start("100 GB", "1 MB");
    let sent_before = rig.pair.sent();
    let (used_before, excluded_before) = figures(&rig);
    send_udp(&rig.pair, FREE, 6001, 1000, 1200);
    rig.daemon.as_mut().unwrap().kill();
    // The rules go on without it, and so does the lane beside the bucket.
    send_udp(&rig.pair, FREE, 6002, 1000, 1200);
    rig.look();
    rig.start_daemon();
    send_udp(&rig.pair, FREE, 6003, 1000, 1200);
    rig.helper.as_mut().unwrap().kill();
    send_udp(&rig.pair, FREE, 6004, 1000, 1200);
    rig.start_helper();
    let free = 4000 * 1242;
    let (used, excluded) = wait_for("all of it is excluded", Duration::from_secs(10), || {
        let (used, excluded) = figures(&rig);
        let (used, excluded) = (used - used_before, excluded - excluded_before);
        (excluded >= free).then_some((used, excluded))
    })
    .1;
    println!("MEASURED over two kills: used {used}, excluded {excluded} of {free}");
    assert_eq!(excluded, free);
    let sent = rig.pair.sent() - sent_before;
    assert!(
        (used + excluded).abs_diff(sent) <= PACKET,
        "{used} {excluded} {sent}"
    );
}

#[test]
fn a_link_that_is_made_anew_is_excluded_again() {
    let rig = start("100 GB", "1 MB");
    send_udp(&rig.pair, FREE, 6001, 1000, 1200);
    let (_, excluded) = figures(&rig);
    assert!(excluded >= 1000 * 1242);
    rig.pair.disconnect();
    rig.pair.connect();
    address(&rig.pair);
    wait_for("the link is held again", Duration::from_secs(5), || {
        rig.pair.inside.is_shaped(LINK).then_some(())
    });
    wait_for("counted again", Duration::from_secs(10), || {
        send_udp(&rig.pair, FREE, 6002, 100, 1200);
        (figures(&rig).1 > excluded + 50_000).then_some(())
    });
    let _charged = Flow::start(&rig.pair, CHARGED, 5001);
    rig.wait_state("throttled", Duration::from_secs(15));
    let free = Flow::start(&rig.pair, FREE, 5002);
    wait_for("free again", Duration::from_secs(5), || {
        (free.received() > 200_000_000).then_some(())
    });
}

#[test]
fn a_grant_runs_out_to_the_byte_beside_excluded_traffic() {
    let rig = start("1 GB", "300 MB");
    let report = rig.report().unwrap();
    let drip = report["drip_bytes_per_second"].as_u64().unwrap();
    let free = Flow::start(&rig.pair, FREE, 5002);
    let charged = Flow::start(&rig.pair, CHARGED, 5001);
    let (took, ()) = wait_for("it is used up", Duration::from_secs(30), || {
        (charged.received() > 285_000_000).then_some(())
    });
    std::thread::sleep(Duration::from_secs(4));
    let received = charged.received();
    let accrued = rig.fresh_report()["accrued_bytes"].as_u64().unwrap();
    println!(
        "MEASURED mixed: the charged peer has {received} of {accrued} after {took:?}, {} free, drip {drip}",
        free.received()
    );
    // Payload only: headers are 4.4 % at most, and the bucket charges them.
    assert!(received <= accrued + 64 * 1024, "{received} {accrued}");
    assert!(
        received as f64 > accrued as f64 * 0.93,
        "{received} {accrued}"
    );
    assert!(free.received() > 300_000_000);
}

#[test]
fn without_the_key_rules_and_lanes_go_and_so_they_do_on_release() {
    let mut rig = start("100 GB", "1 MB");
    let has_lanes = |rig: &Rig| {
        rig.pair
            .inside
            .qdiscs(LINK)
            .contains("qdisc htb b0f1: root")
    };
    wait_for("two lanes", Duration::from_secs(5), || {
        has_lanes(&rig).then_some(())
    });
    rig.configure(&young("100 GB", "1 MB", ""));
    rig.helper.as_ref().unwrap().signal(Signal::SIGHUP);
    wait_for("no lanes, no rules", Duration::from_secs(5), || {
        let qdiscs = rig.pair.inside.qdiscs(LINK);
        (qdiscs.contains("qdisc tbf b0f1: root") && !rules(&rig).contains("bwflow")).then_some(())
    });
    rig.configure(&config("100 GB", "1 MB", NETWORKS));
    rig.helper.as_ref().unwrap().signal(Signal::SIGHUP);
    wait_for("two lanes again", Duration::from_secs(5), || {
        (has_lanes(&rig) && rules(&rig).contains("bwflow_wan0")).then_some(())
    });
    rig.kill_both();
    assert!(has_lanes(&rig) && rules(&rig).contains("bwflow_wan0"));
    let mut release = rig.daemon_command();
    assert!(release.arg("--release").status().unwrap().success());
    assert!(!rig.pair.inside.is_shaped(LINK));
    assert!(!rules(&rig).contains("bwflow"));
}

#[test]
fn lanes_that_somebody_takes_off_come_back() {
    let rig = start("100 GB", "1 MB");
    let _charged = Flow::start(&rig.pair, CHARGED, 5001);
    rig.wait_state("throttled", Duration::from_secs(15));
    for _ in 0..3 {
        rig.pair.inside.tc(&format!("qdisc del dev {LINK} root"));
        wait_for("the lanes", Duration::from_secs(2), || {
            let qdiscs = rig.pair.inside.qdiscs(LINK);
            (qdiscs.contains("htb b0f1: root") && qdiscs.contains("tbf b0f4:")).then_some(())
        });
    }
    let (_, excluded) = figures(&rig);
    send_udp(&rig.pair, FREE, 6001, 1000, 1200);
    let report: Value = rig.fresh_report();
    assert_eq!(
        report["excluded_bytes"].as_u64().unwrap() - excluded,
        1000 * 1242
    );
}

#[test]
fn what_an_administrator_decides_is_booked_at_once_beside_an_exclusion() {
    let rig = start("20 GB", "10 GB");
    for (used, state) in [("18 GB", "throttled"), ("1 GB", "open")] {
        let begin = std::time::Instant::now();
        let output = rig.ctl(&["correct", "--used", used]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(&format!("corrected: {used} used")), "{told}");
        // The helper waits two seconds for a daemon that does not say what was excluded.
        assert!(begin.elapsed() < Duration::from_millis(1500), "{begin:?}");
        assert_eq!(rig.state_word(), state);
    }
}

#[test]
fn nothing_passes_by_a_priority_that_it_came_with() {
    let mut rig = Rig::new();
    address(&rig.pair);
    // A tunnel with a budget of its own, whose packets go out over the held link.
    rig.pair
        .inside
        .ip("link add vx0 type vxlan id 7 remote 10.99.0.2 dstport 4789 dev wan0");
    rig.pair.inside.ip("addr add 10.98.7.1/24 dev vx0");
    rig.pair.inside.ip("link set vx0 up");
    rig.pair
        .inside
        .ip("neigh add 10.98.7.2 lladdr 02:00:00:00:00:07 dev vx0");
    let both = "[[link]]\ninterface = \"wan0\"\n\n[[link]]\ninterface = \"vx0\"\n";
    let one = "[network]\ninterface = \"wan0\"\n";
    rig.start(&config("100 GB", "1 MB", NETWORKS).replace(one, both));
    wait_counting(&rig);
    let charged = Flow::start(&rig.pair, CHARGED, 5001);
    rig.wait_state("throttled", Duration::from_secs(15));
    drop(charged);
    let before = (rig.pair.sent(), std::time::Instant::now());
    blast(&rig, "10.98.7.2", 0, 20_000);
    blast(&rig, CHARGED, 0xb0f1_0000, 20_000);
    let sent = rig.pair.sent() - before.0;
    println!("MEASURED {sent} bytes of 50 MB with our priority went over a held link");
    let drip = rig.report().unwrap()["drip_bytes_per_second"]
        .as_u64()
        .unwrap();
    let most = 512 * 1024 + drip * (before.1.elapsed().as_secs() + 1);
    assert!(sent < most, "{sent} of {most}");
}

#[test]
fn what_another_filter_drops_is_not_excluded() {
    let rig = start("100 GB", "50 GB");
    nft(&rig.pair.inside, "add table netdev fw");
    let chain = "add chain netdev fw out { type filter hook egress device wan0 priority 10 ; }";
    nft(&rig.pair.inside, chain);
    let dropped = "add rule netdev fw out ip daddr 10.98.0.3 drop";
    nft(&rig.pair.inside, dropped);
    rig.pair
        .inside
        .ip("neigh add 10.98.0.3 lladdr 02:00:00:00:00:03 dev wan0");
    let (used_before, excluded_before) = figures(&rig);
    let sent_before = rig.pair.sent();
    blast(&rig, "10.98.0.3", 0, 5000);
    send_udp(&rig.pair, CHARGED, 6002, 5000, 1200);
    let (used, excluded) = figures(&rig);
    let sent = rig.pair.sent() - sent_before;
    assert!(sent >= 5000 * 1242);
    println!(
        "MEASURED {} charged of {sent} sent beside 6 MB dropped by a filter",
        used - used_before
    );
    assert!(excluded - excluded_before <= PACKET, "{excluded}");
    assert!((used - used_before).abs_diff(sent) <= PACKET, "{used}");
}

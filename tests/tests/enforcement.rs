//! The whole of bwflow against a sender at full speed: nothing over, and nearly nothing wasted.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{throughout, wait_for};

const GB: u64 = 1_000_000_000;
/// What may slip through beside the ledger, bytes.
const TOLERANCE: i64 = 64 * 1024;

/// What the plan has paid for, and what the peer had received when counting began.
struct Promise {
    burst: u64,
    drip: u64,
    period_start: f64,
    before: u64,
    worst: i64,
}

impl Promise {
    fn of(rig: &Rig, before: u64) -> Self {
        let report = rig.report().unwrap();
        let start = report["period"]["start"].as_str().unwrap();
        let seconds = std::process::Command::new("date")
            .args(["-d", start, "+%s"])
            .output()
            .unwrap();
        Self {
            burst: report["burst_bytes"].as_u64().unwrap(),
            drip: report["drip_bytes_per_second"].as_u64().unwrap(),
            period_start: String::from_utf8(seconds.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap(),
            before,
            worst: i64::MIN,
        }
    }

    /// Everything that has accrued by now, bytes.
    fn paid(&self) -> u64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        self.burst + ((now - self.period_start) * self.drip as f64) as u64
    }

    /// Fails if the peer has received more than was paid for.
    fn check(&mut self, rig: &Rig) -> u64 {
        let received = rig.pair.received() - self.before;
        let over = received as i64 - self.paid() as i64;
        self.worst = self.worst.max(over);
        assert!(over <= TOLERANCE, "{over} bytes over after {received}");
        received
    }

    /// Fails if much less was received.
    fn nearly_used_up(&mut self, rig: &Rig, what: &str) {
        let received = self.check(rig);
        let share = received as f64 / self.paid() as f64;
        println!(
            "MEASURED {what}: the peer received {received} of {} paid bytes ({:.2} %), at worst {} over",
            self.paid(),
            share * 100.0,
            self.worst
        );
        assert!(share >= 0.95);
    }
}

fn full_speed_until_exhausted(what: &str, more: &str) {
    let mut rig = Rig::new();
    let before = rig.pair.received();
    rig.start(&young("1 GB", "300 MB", more));
    let mut promise = Promise::of(&rig, before);
    let _traffic = Traffic::start(&rig.pair);
    let begin = Instant::now();
    wait_for("most of it has arrived", Duration::from_secs(20), || {
        (promise.check(&rig) > 285_000_000).then_some(())
    });
    let speed = 285.0e6 * 8.0 / begin.elapsed().as_secs_f64() / 1e9;
    println!("{speed:.1} Gbit/s until exhausted");
    throughout(Duration::from_secs(8), |_| {
        promise.check(&rig);
    });
    promise.nearly_used_up(&rig, what);
    rig.wait_state("throttled", Duration::from_secs(5));
}

#[test]
fn nothing_goes_over_at_full_speed() {
    full_speed_until_exhausted("full speed", "");
}

#[test]
fn nothing_goes_over_when_looks_are_15_seconds_apart() {
    full_speed_until_exhausted("looks 15 s apart", "[daemon]\npoll_interval_seconds = 15\n");
}

#[test]
fn nothing_goes_over_when_looks_are_a_second_apart() {
    full_speed_until_exhausted("looks 1 s apart", "[daemon]\npoll_interval_seconds = 1\n");
}

#[test]
fn the_kernel_ends_it_when_both_are_killed_a_second_before() {
    let mut rig = Rig::new();
    let before = rig.pair.received();
    rig.start(&young("20 GB", "5 GB", ""));
    let mut promise = Promise::of(&rig, before);
    let _traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_millis(300));
    let speed = rate_over(Duration::from_millis(700), || rig.pair.received()) as u64;
    println!("{:.1} Gbit/s", speed as f64 * 8.0 / 1e9);
    assert!(speed * 8 > 5 * GB);
    wait_for("a second before the end", Duration::from_secs(20), || {
        (promise.check(&rig) + speed >= promise.paid()).then_some(())
    });
    rig.kill_both();
    throughout(Duration::from_secs(10), |_| {
        promise.check(&rig);
    });
    assert!(rig.pair.inside.is_shaped(LINK));
    promise.nearly_used_up(&rig, "both killed 1 s before");
}

#[test]
fn the_daemon_arms_alone_when_the_helper_is_killed_ten_seconds_before() {
    let mut rig = Rig::new();
    let _traffic = Traffic::start(&rig.pair);
    std::thread::sleep(Duration::from_millis(300));
    let speed = rate_over(Duration::from_millis(700), || rig.pair.received()) as u64;
    drop(_traffic);
    println!("{:.1} Gbit/s", speed as f64 * 8.0 / 1e9);
    assert!(speed * 8 > 5 * GB);
    let before = rig.pair.received();
    // Ten seconds at this speed, and some to see it open.
    let burst = speed * 13;
    rig.start(&young("90 GB", &format!("{burst} B"), ""));
    let mut promise = Promise::of(&rig, before);
    let _traffic = Traffic::start(&rig.pair);
    wait_for(
        "ten seconds before the end",
        Duration::from_secs(20),
        || (promise.check(&rig) + speed * 10 >= promise.paid()).then_some(()),
    );
    rig.helper.as_mut().unwrap().kill();
    assert_eq!(
        rig.state_word(),
        "open",
        "not yet armed when the helper died"
    );
    assert!(!rig.pair.inside.is_shaped(LINK));
    wait_for("the daemon holds it", Duration::from_secs(60), || {
        promise.check(&rig);
        (rig.state_word() == "throttled").then_some(())
    });
    throughout(Duration::from_secs(4), |_| {
        promise.check(&rig);
    });
    promise.nearly_used_up(&rig, "helper killed 10 s before");
}

#[test]
fn an_open_link_is_left_as_it_was_and_so_is_a_stopped_one() {
    let mut rig = Rig::new();
    let before = rig.pair.inside.qdiscs(LINK);
    rig.start(&young("100 GB", "50 GB", ""));
    assert_eq!(rig.state_word(), "open");
    assert_eq!(rig.pair.inside.qdiscs(LINK), before);
    rig.configure(&young("100 GB", "1 GB", ""));
    rig.helper
        .as_ref()
        .unwrap()
        .signal(nix::sys::signal::Signal::SIGHUP);
    rig.wait_state("armed", Duration::from_secs(5));
    assert_ne!(rig.pair.inside.qdiscs(LINK), before);
    assert!(rig.helper.as_mut().unwrap().terminate().success());
    assert!(rig.daemon.as_mut().unwrap().terminate().success());
    assert_eq!(rig.pair.inside.qdiscs(LINK), before);
}

#[test]
fn a_larger_budget_opens_the_link_and_a_wrong_file_changes_nothing() {
    let mut rig = Rig::new();
    rig.start(&young("10 GB", "1 MB", ""));
    let _traffic = Traffic::start(&rig.pair);
    rig.wait_state("throttled", Duration::from_secs(10));
    let hangup = nix::sys::signal::Signal::SIGHUP;
    rig.configure("[bandwidth]\nmonthly_budget = \"many\"\n");
    rig.helper.as_ref().unwrap().signal(hangup);
    throughout(Duration::from_secs(1), |_| {
        assert_eq!(rig.state_word(), "throttled");
    });
    assert!(rig.helper.as_mut().unwrap().runs());
    rig.configure(&young("100 GB", "50 GB", ""));
    rig.helper.as_ref().unwrap().signal(hangup);
    let took = rig.wait_state("open", Duration::from_secs(5));
    println!("open {took:?} after the reload");
    assert!(!rig.pair.inside.is_shaped(LINK));
}

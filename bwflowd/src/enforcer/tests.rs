//! The enforcer over a simulated kernel, with the real file of claims.

#![allow(clippy::unwrap_used)]

use bwflow_proto::claim::Options;
use tempfile::TempDir;

use super::*;
use crate::simulator::{NAME, Simulator};

mod history;

const GIGABIT: u64 = 125_000_000;
const DRIP: u64 = 20_000;

pub(super) struct Bench {
    pub(super) enforcer: Enforcer<Simulator>,
    pub(super) boots: u32,
    directory: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let shared = std::path::Path::new("/dev/shm");
        let directory = if shared.is_dir() {
            tempfile::tempdir_in(shared).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let enforcer = start(Simulator::new(GIGABIT), &directory, 0);
        Self {
            enforcer,
            boots: 0,
            directory,
        }
    }

    /// The program is killed and started again.
    pub(super) fn restart(self) -> Self {
        let Self {
            enforcer,
            boots,
            directory,
        } = self;
        let enforcer = start(enforcer.kernel, &directory, boots);
        Self {
            enforcer,
            boots,
            directory,
        }
    }

    /// The machine goes down for a while.
    pub(super) fn reboot(mut self, time: Duration) -> Self {
        self.enforcer.kernel.reboot(time);
        self.boots += 1;
        self.restart()
    }

    pub(super) fn decide(&mut self, decision: &Decision) -> Result<(), Refusal> {
        self.enforcer.decide(NAME, decision, &Author::default())
    }

    pub(super) fn grant(&mut self, available: i64) {
        self.grant_with(available, |_| {});
    }

    pub(super) fn grant_with(&mut self, available: i64, change: impl FnOnce(&mut Grant)) {
        let clock = self.enforcer.clock();
        let mut grant = Grant {
            count: "tx".into(),
            interface_index: 3,
            tx_counter: self.enforcer.kernel.sent(),
            boottime_usec: clock.boottime_usec(),
            available_bytes: available,
            available_receive_bytes: available,
            drip_bytes_per_second: DRIP,
            rate_bytes_per_second: DRIP,
            min_rate_bytes_per_second: 8000,
            poll_interval_usec: 15_000_000,
            ..Grant::default()
        };
        change(&mut grant);
        self.enforcer.set_grant(NAME, &grant).unwrap();
    }

    /// Time goes by, with everything done when it is due.
    pub(super) fn run(&mut self, time: Duration, wanted: u64) {
        let end = self.enforcer.kernel.now() + time;
        loop {
            let now = self.enforcer.kernel.now();
            let due = self.enforcer.due().unwrap_or(end).max(now);
            if due >= end {
                self.enforcer.kernel.pass(end - now, wanted);
                break;
            }
            self.enforcer.kernel.pass(due - now, wanted);
            self.enforcer.tick();
        }
        self.enforcer.tick();
    }

    pub(super) fn view(&self) -> LinkView {
        self.enforcer.board.link(NAME).unwrap_or_default()
    }

    fn shown(&self) -> (&'static str, u64) {
        let view = self.view();
        (view.state.as_str(), view.limit)
    }
}

fn start(kernel: Simulator, directory: &TempDir, boots: u32) -> Enforcer<Simulator> {
    let clock = Clock {
        boottime: kernel.now(),
        wall_usec: kernel.wall_usec(),
    };
    let boot = format!("boot {boots}");
    let store = Store::open(directory.path(), &boot, &clock).unwrap();
    let grants = Grants::open(directory.path(), &boot);
    let memory = Memory::open(directory.path());
    let shaped = kernel.tbf().is_some();
    let exclusions = Exclusions::open(directory.path(), &boot);
    let mut enforcer = Enforcer::new(kernel, memory, store, grants, exclusions, Arc::default());
    if shaped {
        enforcer.adopt(NAME);
    }
    enforcer
}

fn throttle(rate: u64) -> Decision {
    Decision::Throttle(rate, Options::default())
}

fn lift() -> Decision {
    Decision::Override(Options::default())
}

fn hold(rate: u64) -> Decision {
    Decision::Override(Options {
        rate_bytes_per_second: Some(rate),
        ..Options::default()
    })
}

fn for_seconds(seconds: u64) -> Options {
    Options {
        duration_usec: Some(seconds * 1_000_000),
        ..Options::default()
    }
}

#[test]
fn a_throttle_caps_while_bytes_are_left_and_the_grant_holds_under_it() {
    let mut bench = Bench::new();
    bench.grant(100_000_000);
    bench.decide(&throttle(6_250_000)).unwrap();
    assert_eq!(bench.shown(), ("manual", 6_250_000));
    bench.run(Duration::from_secs(10), u64::MAX);
    let sent = bench.enforcer.kernel.sent();
    assert!(sent.abs_diff(62_500_000) < 200_000, "{sent}");
    bench.run(Duration::from_secs(20), u64::MAX);
    assert_eq!(bench.shown(), ("throttled", DRIP));
    assert!(bench.enforcer.kernel.sent() <= 100_000_000 + 30 * DRIP + 65_536);
}

#[test]
fn a_throttle_without_a_grant_holds_flat_and_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench.decide(&throttle(1_000_000)).unwrap();
    assert_eq!(bench.shown(), ("manual", 1_000_000));
    bench = bench.restart();
    assert_eq!(bench.shown(), ("manual", 1_000_000));
    bench.decide(&Decision::ClearThrottle).unwrap();
    assert_eq!(bench.enforcer.kernel.tbf(), None);
    assert_eq!(bench.enforcer.board.link(NAME), None);
}

#[test]
fn an_override_lifts_or_holds_and_what_flows_is_charged() {
    let mut bench = Bench::new();
    bench.grant(0);
    assert_eq!(bench.shown(), ("throttled", DRIP));
    bench.decide(&throttle(9_000)).unwrap();
    assert_eq!(bench.shown(), ("manual", 9_000));
    bench.decide(&lift()).unwrap();
    assert_eq!(bench.shown(), ("overridden", 0));
    assert_eq!(bench.enforcer.kernel.tbf(), None);
    bench.run(Duration::from_secs(8), u64::MAX);
    assert_eq!(bench.enforcer.kernel.sent(), 8 * GIGABIT);
    bench.decide(&hold(1_000_000)).unwrap();
    assert_eq!(bench.shown(), ("overridden", 1_000_000));
    bench.decide(&Decision::ClearThrottle).unwrap();
    bench.decide(&Decision::ClearOverride).unwrap();
    assert_eq!(bench.shown(), ("throttled", DRIP));
    // The debt of the gigabyte is there: quiet hours do not fill the bucket.
    bench.run(Duration::from_secs(3600), 0);
    assert_eq!(bench.shown(), ("throttled", DRIP));
}

#[test]
fn a_limit_found_at_the_start_is_never_loosened_by_a_throttle() {
    let mut bench = Bench::new();
    bench.grant(0);
    bench.decide(&throttle(6_250_000)).unwrap();
    bench = bench.restart();
    let before = bench.enforcer.kernel.changes;
    assert_eq!(bench.view().state.as_str(), "throttled");
    bench.run(Duration::from_secs(60), u64::MAX);
    assert_eq!(bench.enforcer.kernel.tbf().unwrap().rate, DRIP);
    assert_eq!(bench.enforcer.kernel.changes, before);
    // The second is slower than the peaks of what was found, so that this is replaced.
    for rate in [7_000_000, 5 * DRIP] {
        bench.decide(&throttle(rate)).unwrap();
        assert_eq!(bench.enforcer.kernel.tbf().unwrap().rate, DRIP, "{rate}");
        assert_eq!(bench.view().state.as_str(), "throttled");
    }
    bench.decide(&throttle(9_000)).unwrap();
    assert_eq!(bench.shown(), ("manual", 9_000));
    bench.decide(&Decision::ClearThrottle).unwrap();
    assert_eq!(bench.shown(), ("throttled", DRIP));
}

#[test]
fn a_restart_without_the_helper_carries_the_grant_on() {
    let mut bench = Bench::new();
    bench.grant(100_000_000);
    bench.decide(&throttle(6_250_000)).unwrap();
    bench.run(Duration::from_secs(4), u64::MAX);
    bench = bench.restart();
    assert_eq!(bench.shown(), ("manual", 6_250_000));
    // What is left is known to the byte, so that ending the throttle takes nothing of it away.
    bench.decide(&Decision::ClearThrottle).unwrap();
    assert_eq!(bench.shown().0, "armed");
    bench.run(Duration::from_secs(20), u64::MAX);
    let sent = bench.enforcer.kernel.sent();
    let allowed = 100_000_000 + 24 * DRIP;
    assert!(
        sent <= allowed + 2 * 65_536 && sent > allowed - 2_000_000,
        "{sent}"
    );
    // Another boot knows nothing of it.
    bench = bench.reboot(Duration::from_secs(60));
    assert_eq!(bench.view().grant, None);
}

#[test]
fn an_end_acts_by_itself_and_on_time() {
    let mut bench = Bench::new();
    bench.grant(0);
    bench.decide(&Decision::Override(for_seconds(90))).unwrap();
    bench.run(Duration::from_secs(89), u64::MAX);
    assert_eq!(bench.shown(), ("overridden", 0));
    bench.run(Duration::from_secs(1), u64::MAX);
    assert_eq!(bench.shown(), ("throttled", DRIP));
    assert_eq!(bench.view().override_claim, None);
}

#[test]
fn a_reboot_ends_nothing_and_lengthens_nothing() {
    let mut bench = Bench::new();
    bench
        .decide(&Decision::Throttle(1_000_000, for_seconds(600)))
        .unwrap();
    bench = bench.reboot(Duration::from_secs(60));
    assert_eq!(bench.shown(), ("manual", 1_000_000));
    bench.run(Duration::from_secs(539), 0);
    assert_eq!(bench.shown(), ("manual", 1_000_000));
    bench.run(Duration::from_secs(1), 0);
    assert_eq!(bench.enforcer.board.link(NAME), None);
    assert_eq!(bench.enforcer.kernel.tbf(), None);
}

#[test]
fn what_ends_while_the_daemon_is_down_leaves_no_limit_of_its_own() {
    for granted in [false, true] {
        let mut bench = Bench::new();
        if granted {
            bench.grant(0);
        }
        let decision = Decision::Throttle(9_000, for_seconds(60));
        bench.decide(&decision).unwrap();
        assert_eq!(bench.shown(), ("manual", 9_000));
        bench.enforcer.kernel.pass(Duration::from_secs(60), 0);
        bench = bench.restart();
        assert_eq!(bench.view().throttle, None);
        // But the grant may still be used up.
        assert_eq!(bench.enforcer.kernel.tbf().is_some(), granted);
        assert_eq!(bench.enforcer.board.link(NAME).is_some(), granted);
    }
}

#[test]
fn a_decision_that_cannot_be_kept_changes_nothing() {
    let mut bench = Bench::new();
    bench.grant(0);
    let (before, changes) = (bench.view(), bench.enforcer.kernel.changes);
    let away = bench.directory.path().with_extension("away");
    std::fs::rename(bench.directory.path(), &away).unwrap();
    let top_up = Decision::TopUp(5, Options::default());
    for decision in [lift(), throttle(9_000), top_up] {
        let refused = bench.decide(&decision);
        assert!(matches!(refused, Err(Refusal::Failed(_))), "{refused:?}");
    }
    assert_eq!(bench.view(), before);
    assert_eq!(bench.enforcer.kernel.changes, changes);
    std::fs::rename(&away, bench.directory.path()).unwrap();
    bench.decide(&lift()).unwrap();
    assert_eq!(bench.shown(), ("overridden", 0));
}

#[test]
fn nonsense_and_slow_rates_change_nothing() {
    let mut bench = Bench::new();
    bench.grant(0);
    let before = bench.view();
    let refused = bench.decide(&throttle(7_999));
    assert!(matches!(refused, Err(Refusal::BelowMinRate(_))));
    assert!(matches!(
        bench.decide(&throttle(0)),
        Err(Refusal::Invalid(_))
    ));
    let nowhere = bench.enforcer.decide("a/b", &lift(), &Author::default());
    assert!(matches!(nowhere, Err(Refusal::Invalid(_))));
    assert_eq!(bench.view(), before);
    assert!(!bench.directory.path().join("claims.json").exists());
}

#[test]
fn forgetting_keeps_what_administrators_decided() {
    let mut bench = Bench::new();
    bench.grant(0);
    bench.decide(&throttle(1_000_000)).unwrap();
    bench
        .decide(&Decision::TopUp(7, Options::default()))
        .unwrap();
    assert_eq!(bench.shown(), ("throttled", DRIP));
    bench.enforcer.forget(NAME).unwrap();
    assert_eq!(bench.shown(), ("manual", 1_000_000));
    assert_eq!(bench.view().grant, None);
    bench.decide(&Decision::ClearThrottle).unwrap();
    assert_eq!(bench.enforcer.kernel.tbf(), None);
    let ids = bench.view().top_ups.into_iter().map(|it| it.id);
    let ids = ids.collect::<Vec<_>>();
    assert_eq!(ids.len(), 1);
    bench
        .enforcer
        .confirm_top_ups(NAME, &["0".to_owned()])
        .unwrap();
    assert_eq!(bench.view().top_ups.len(), 1);
    bench.enforcer.confirm_top_ups(NAME, &ids).unwrap();
    assert_eq!(bench.enforcer.board.link(NAME), None);
}

#[test]
fn a_blocked_link_says_so_and_carries_the_claim_out_when_it_can() {
    let mut bench = Bench::new();
    let tree = crate::foreign::Root::Fixed("htb 1:".to_owned());
    bench.enforcer.kernel.foreign = Some(tree);
    bench.decide(&throttle(1_000_000)).unwrap();
    assert_eq!(bench.shown(), ("blocked", 0));
    assert!(bench.view().throttle.is_some());
    bench.enforcer.kernel.foreign = None;
    bench.enforcer.event(Event::Root(3));
    assert_eq!(bench.shown(), ("manual", 1_000_000));
}

#[test]
fn an_idle_throttled_link_is_looked_at_rarely() {
    for available in [i64::MAX, 1_000_000_000] {
        let mut bench = Bench::new();
        bench.grant(available);
        for rate in [1_000_000, 9_000] {
            bench.decide(&throttle(rate)).unwrap();
            bench.run(Duration::from_secs(60), 0);
            let mut looks = 0;
            let end = bench.enforcer.kernel.now() + Duration::from_secs(600);
            while bench.enforcer.kernel.now() < end {
                let wait = bench.enforcer.due().unwrap() - bench.enforcer.kernel.now();
                bench.enforcer.kernel.pass(wait, 0);
                bench.enforcer.tick();
                looks += 1;
            }
            assert!(looks <= 60, "{looks} looks at {rate} with {available} left");
        }
    }
}

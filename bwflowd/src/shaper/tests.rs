//! The shaper over a simulated kernel.

#![allow(clippy::unwrap_used)]

use bwflow_proto::state::LinkState;
use proptest::prelude::*;

use super::*;
use crate::foreign::Root;
use crate::simulator::{NAME, Simulator, pfifo};

mod exempt;

const GIGABIT: u64 = 125_000_000;
const GB: i64 = 1_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);
/// What may be sent beside the grant: two small buckets, and a step of the simulated clock.
const TOLERANCE: u64 = 64 * 1024;

fn grant(available: i64, drip: u64) -> Grant {
    Grant {
        count: "tx".into(),
        interface_index: 3,
        boottime_usec: 1_000_000_000,
        available_bytes: available,
        available_receive_bytes: available,
        drip_bytes_per_second: drip,
        rate_bytes_per_second: drip,
        poll_interval_usec: 15_000_000,
        ..Grant::default()
    }
}

struct Bench {
    kernel: Simulator,
    memory: Memory,
    shaper: Shaper,
    directory: tempfile::TempDir,
    looks: u64,
}

impl Bench {
    fn new(speed: u64, grant: Grant) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut shaper = Shaper::new(NAME);
        shaper.set_account(Account::open(grant).unwrap());
        Self {
            kernel: Simulator::new(speed),
            memory: Memory::open(directory.path()),
            shaper,
            directory,
            looks: 0,
        }
    }

    fn look(&mut self) -> Duration {
        self.looks += 1;
        self.shaper.look(&mut self.kernel, &mut self.memory)
    }

    /// Time goes by, with a look whenever one is due.
    fn run(&mut self, time: Duration, wanted: u64) {
        let end = self.kernel.now() + time;
        while self.kernel.now() < end {
            let wait = self.look().min(end - self.kernel.now());
            self.kernel.pass(wait, wanted);
        }
        self.look();
    }

    fn granted(&self) -> u64 {
        let grant = self.shaper.grant().unwrap();
        let since = self.kernel.now() - Duration::from_micros(grant.boottime_usec);
        let dripped = u128::from(grant.drip_bytes_per_second) * since.as_nanos() / 1_000_000_000;
        u64::try_from(grant.available_bytes).unwrap() + u64::try_from(dripped).unwrap()
    }
}

#[test]
fn a_month_at_full_speed_costs_what_was_granted() {
    let mut bench = Bench::new(GIGABIT, grant(50 * GB, 19_290));
    bench.run(DAY * 30, u64::MAX);
    let (sent, granted) = (bench.kernel.sent(), bench.granted());
    assert!(sent <= granted + TOLERANCE, "{sent} of {granted}");
    assert!(sent + 2_000_000 >= granted, "{sent} of {granted}");
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
}

#[test]
fn a_quiet_month_stays_open_and_is_looked_at_rarely() {
    let mut bench = Bench::new(GIGABIT, grant(50 * GB, 19_290));
    bench.run(DAY, 1000);
    assert_eq!(bench.shaper.state(), LinkState::Open);
    assert_eq!(bench.kernel.changes, 0);
    assert!(bench.looks < 86_400 / 15 + 10, "{} looks", bench.looks);
}

#[test]
fn quiet_hours_fill_a_used_up_link_again() {
    let mut bench = Bench::new(GIGABIT, grant(GB, 20_000));
    bench.run(Duration::from_secs(60), u64::MAX);
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
    let before = bench.kernel.sent();
    bench.run(DAY, 0);
    assert_eq!(bench.shaper.state(), LinkState::Armed);
    bench.run(Duration::from_secs(60), u64::MAX);
    let burst = bench.kernel.sent() - before;
    assert!((1_700_000_000..1_740_000_000).contains(&burst), "{burst}");
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
}

#[test]
fn a_chosen_rate_holds_below_and_above_the_drip() {
    for rate in [5_000, 250_000] {
        let chosen = Grant {
            rate_bytes_per_second: rate,
            ..grant(0, 20_000)
        };
        let mut bench = Bench::new(GIGABIT, chosen);
        bench.run(Duration::from_secs(5), u64::MAX);
        let before = bench.kernel.sent();
        bench.run(Duration::from_secs(10), u64::MAX);
        let got = bench.kernel.sent() - before;
        assert!(got.abs_diff(rate * 10) < 64 * 1024, "{got} at {rate}");
        assert_eq!(bench.shaper.limit(), rate);
    }
}

#[test]
fn a_new_grant_opens_a_throttled_link() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.run(Duration::from_secs(5), u64::MAX);
    assert!(bench.kernel.tbf().is_some());
    let sent = bench.kernel.sent();
    let now = u64::try_from(bench.kernel.now().as_micros()).unwrap();
    let next = Grant {
        tx_counter: sent,
        boottime_usec: now,
        ..grant(50 * GB, 20_000)
    };
    bench.shaper.set_account(Account::open(next).unwrap());
    bench.look();
    assert_eq!(bench.shaper.state(), LinkState::Open);
    assert_eq!(bench.kernel.tbf(), None);
}

#[test]
fn a_debt_is_held_at_the_rate_of_the_grant() {
    let debt = Grant {
        rate_bytes_per_second: 9_000,
        ..grant(-10 * GB, 20_000)
    };
    let mut bench = Bench::new(GIGABIT, debt);
    bench.run(Duration::from_secs(60), u64::MAX);
    assert_eq!(bench.shaper.limit(), 9_000);
    assert!(bench.kernel.sent() < 60 * 9_000 + TOLERANCE);
}

#[test]
fn a_cap_holds_while_bytes_are_left_and_the_drip_after_that() {
    let capped = Grant {
        peak_bytes_per_second: 1_250_000,
        ..grant(20_000_000, 12_500)
    };
    let mut bench = Bench::new(GIGABIT, capped);
    bench.run(Duration::from_secs(10), u64::MAX);
    let capped = bench.kernel.sent();
    assert!(capped.abs_diff(12_500_000) < TOLERANCE, "{capped}");
    assert_eq!(
        (bench.shaper.state(), bench.shaper.limit()),
        (LinkState::Armed, 1_250_000)
    );
    bench.run(Duration::from_secs(60), u64::MAX);
    assert!(bench.kernel.sent() <= bench.granted() + TOLERANCE);
    assert_eq!(bench.shaper.limit(), 12_500);
}

#[test]
fn what_was_there_before_comes_back() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.kernel.foreign = Some(Root::Restorable(pfifo()));
    bench.look();
    assert!(bench.kernel.tbf().is_some());
    // After a crash another run knows it, too.
    let mut another = Shaper::new(NAME);
    let mut memory = Memory::open(bench.directory.path());
    another.set_account(Account::open(grant(0, 20_000)).unwrap());
    another.look(&mut bench.kernel, &mut memory);
    another.release(&mut bench.kernel, &memory).unwrap();
    assert_eq!(bench.kernel.foreign, Some(Root::Restorable(pfifo())));
    assert_eq!(bench.kernel.tbf(), None);
}

#[test]
fn a_tree_blocks_until_it_is_gone() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.kernel.foreign = Some(Root::Fixed("htb 1:".to_owned()));
    bench.look();
    assert_eq!(bench.shaper.state(), LinkState::Blocked);
    assert_eq!(
        (bench.shaper.blocked_by(), bench.kernel.changes),
        ("htb 1:", 0)
    );
    bench.kernel.foreign = None;
    bench.shaper.root_touched();
    bench.look();
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
}

#[test]
fn a_bucket_that_is_taken_again_and_again_is_left_alone_for_a_while() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.look();
    let mut times = 0;
    while bench.shaper.blocked_by() != "contested" {
        assert!(times < 100, "fought at full speed");
        times += 1;
        bench.kernel.steal();
        bench.shaper.root_touched();
        bench.look();
    }
    assert!(times > 5, "gave up after {times}");
    assert_eq!(bench.kernel.tbf(), None);
    bench.kernel.pass(crate::contest::PAUSE, 0);
    bench.look();
    assert!(bench.kernel.tbf().is_some());
    assert_eq!(bench.shaper.blocked_by(), "");
}

#[test]
fn a_kernel_that_refuses_is_asked_again() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.kernel.refuse = Some(2);
    assert_eq!(bench.look(), AFTER_FAILURE);
    assert_eq!(bench.shaper.state(), LinkState::Blocked);
    assert!(bench.shaper.blocked_by().starts_with("kernel: "));
    bench.kernel.refuse = None;
    bench.look();
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
}

#[test]
fn a_link_that_goes_and_comes_carries_its_grant_on() {
    let mut bench = Bench::new(GIGABIT, grant(GB, 20_000));
    bench.run(Duration::from_secs(4), u64::MAX);
    let gone = bench.kernel.link.take().unwrap();
    let first = gone.tx;
    assert!(first > 400_000_000);
    bench.kernel.steal();
    bench.shaper.link_deleted(&gone);
    bench.look();
    assert_eq!(bench.shaper.state(), LinkState::Absent);
    bench.kernel.link = Some(Link {
        index: 9,
        tx: 0,
        ..gone
    });
    bench.run(Duration::from_secs(60), u64::MAX);
    assert!(first + bench.kernel.sent() <= bench.granted() + TOLERANCE);
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
}

#[test]
fn a_link_that_is_not_armed_opens_with_more_than_a_bucket_left() {
    for available in [4_100_000_000, 7_900_000_000] {
        let mut bench = Bench::new(GIGABIT, grant(-5, 20_000));
        bench.look();
        assert_eq!(bench.shaper.state(), LinkState::Throttled);
        let now = u64::try_from(bench.kernel.now().as_micros()).unwrap();
        let next = Grant {
            boottime_usec: now,
            ..grant(available, 20_000)
        };
        bench.shaper.set_account(Account::open(next).unwrap());
        bench.look();
        assert_eq!(bench.shaper.state(), LinkState::Open, "{available}");
    }
}

#[test]
fn a_flap_with_more_than_a_bucket_left_opens_the_link() {
    let mut bench = Bench::new(GIGABIT, grant(3 * GB, 1_000_000));
    bench.look();
    bench.run(Duration::from_secs(2000), 0);
    assert_eq!(bench.shaper.state(), LinkState::Armed);
    let mut link = bench.kernel.link.clone().unwrap();
    link.running = false;
    bench.shaper.link_changed(link);
    bench.look();
    assert_eq!(bench.shaper.state(), LinkState::Open);
}

#[test]
fn old_news_of_a_link_charges_nothing() {
    let mut bench = Bench::new(GIGABIT, grant(50 * GB, 20_000));
    bench.look();
    let old = bench.kernel.link.clone().unwrap();
    bench.run(Duration::from_secs(60), u64::MAX);
    for _ in 0..20 {
        bench.shaper.link_changed(old.clone());
        bench.look();
    }
    assert_eq!(bench.shaper.state(), LinkState::Open);
}

#[test]
fn what_waited_before_a_link_is_held_is_dropped() {
    let mut bench = Bench::new(GIGABIT, grant(GB, 20_000));
    bench.run(Duration::from_secs(2), u64::MAX);
    assert_eq!(bench.shaper.state(), LinkState::Armed);
    bench.kernel.waiting = 64_000;
    bench.run(Duration::from_secs(20), u64::MAX);
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
    assert_eq!(bench.kernel.waiting, 0);
}

#[test]
fn a_held_queue_that_stands_still_is_renewed() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.look();
    bench.kernel.waiting = 64_000;
    bench.run(Duration::from_secs(30), 0);
    assert_eq!(bench.kernel.waiting, 0);
}

#[test]
fn a_larger_mtu_gets_a_larger_bucket() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.look();
    bench.kernel.link.as_mut().unwrap().mtu = 9000;
    bench.look();
    let tbf = bench.kernel.tbf().unwrap();
    assert!(
        tbf.burst >= 9064 && tbf.peak.unwrap().burst >= 9064,
        "{tbf:?}"
    );
}

#[test]
fn what_cannot_be_put_back_does_not_leave_our_limit_on() {
    let mut bench = Bench::new(GIGABIT, grant(0, 20_000));
    bench.kernel.foreign = Some(Root::Restorable(pfifo()));
    bench.look();
    bench.kernel.forgetful = true;
    bench
        .shaper
        .release(&mut bench.kernel, &bench.memory)
        .unwrap();
    assert_eq!(bench.kernel.tbf(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is wanted when, and however fast the link: never more than the grant.
    #[test]
    fn no_traffic_gets_more_than_the_grant(
        speed in 1_000_000u64..12_500_000_000,
        available in 1_000_000i64..20 * GB,
        drip in 100u64..10_000_000,
        wants in prop::collection::vec((0u64..u64::MAX, 1u64..120), 1..12),
    ) {
        let mut bench = Bench::new(speed, grant(available, drip));
        for (wanted, seconds) in wants {
            bench.run(Duration::from_secs(seconds), wanted);
            let (sent, granted) = (bench.kernel.sent(), bench.granted());
            prop_assert!(sent <= granted + TOLERANCE, "{} of {}", sent, granted);
        }
    }
}

//! What is excluded, over a simulated kernel.

use bwflow_proto::exclusion::Exclusion;

use super::*;

fn excluding(available: i64, drip: u64) -> Grant {
    Grant {
        exclusion: Some(Exclusion {
            networks: vec!["10.0.0.0/8".to_owned()],
            ..Exclusion::default()
        }),
        ..grant(available, drip)
    }
}

#[test]
fn what_is_excluded_is_not_spent_and_the_rest_runs_out_exactly() {
    let mut bench = Bench::new(GIGABIT, excluding(5 * GB, 20_000));
    bench.look();
    let mut excluded = 0;
    for _ in 0..200 {
        bench.run(Duration::from_secs(1), u64::MAX);
        bench.kernel.send_excluded(300_000_000);
        excluded += 300_000_000;
    }
    let (charged, granted) = (bench.kernel.sent() - excluded, bench.granted());
    assert!(charged <= granted + TOLERANCE, "{charged} of {granted}");
    assert!(charged + 2_000_000 >= granted, "{charged} of {granted}");
    assert!(bench.kernel.lanes);
    assert_eq!(bench.shaper.excluded(&mut bench.kernel).tx_bytes, excluded);
}

#[test]
fn a_kernel_without_rules_charges_and_holds_everything() {
    let mut bench = Bench::new(GIGABIT, excluding(GB, 20_000));
    bench.kernel.no_rules = Some(nix::libc::EOPNOTSUPP);
    bench.run(Duration::from_secs(60), u64::MAX);
    let (sent, granted) = (bench.kernel.sent(), bench.granted());
    assert!(sent <= granted + TOLERANCE, "{sent} of {granted}");
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
    assert!(!bench.kernel.lanes);
    let told = bench.shaper.excluded(&mut bench.kernel);
    assert!(told.fault.contains("refuses the rules"), "{told:?}");
}

#[test]
fn a_kernel_without_lanes_charges_and_holds_everything() {
    let mut bench = Bench::new(GIGABIT, excluding(GB, 20_000));
    bench.kernel.no_lanes = true;
    bench.run(Duration::from_secs(60), u64::MAX);
    assert_eq!(bench.shaper.state(), LinkState::Throttled);
    assert_eq!(bench.kernel.rules, None);
    bench.kernel.send_excluded(300_000_000);
    let told = bench.shaper.excluded(&mut bench.kernel);
    assert_eq!((told.fault.is_empty(), told.tx_bytes), (false, 0));
    bench.look();
    assert_eq!(bench.kernel.rules, None, "not tried again and again");
}

#[test]
fn without_networks_the_rules_and_the_lanes_go() {
    let mut bench = Bench::new(GIGABIT, excluding(GB, 20_000));
    bench.look();
    assert!(bench.kernel.rules.is_some() && bench.kernel.lanes);
    bench
        .shaper
        .set_account(Account::open(grant(GB, 20_000)).unwrap());
    bench.look();
    assert!(bench.kernel.rules.is_none() && !bench.kernel.lanes);
    assert_eq!(bench.shaper.state(), LinkState::Armed);
}

#[test]
fn rules_that_somebody_deletes_come_back_and_the_count_goes_on() {
    let mut bench = Bench::new(GIGABIT, excluding(GB, 20_000));
    bench.look();
    bench.kernel.send_excluded(5_000);
    assert_eq!(bench.shaper.excluded(&mut bench.kernel).tx_bytes, 5_000);
    bench.kernel.rules = None;
    bench.kernel.send_excluded(700);
    bench.shaper.rules_touched();
    bench.look();
    bench.kernel.send_excluded(90);
    let told = bench.shaper.excluded(&mut bench.kernel);
    assert_eq!((told.tx_bytes, told.fault.as_str()), (5_090, ""));
}

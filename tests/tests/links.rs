//! Links that are stolen, taken down, created anew, renamed, or carry somebody else's queues.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::rig::Rig;
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{throughout, wait_for};
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(5);

/// A rig whose link is held to a trickle.
fn throttled() -> Rig {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", SOON);
    rig
}

fn wait_shaped(rig: &Rig) -> Duration {
    let shaped = || rig.pair.inside.is_shaped(LINK).then_some(());
    wait_for("our discipline on the link", SOON, shaped).0
}

#[test]
fn a_limit_survives_sigkill_and_the_next_start_adopts_it() {
    let mut rig = throttled();
    rig.kill_both();
    assert!(rig.pair.inside.is_shaped(LINK));
    rig.start_daemon();
    assert_eq!(
        rig.state_word(),
        "throttled",
        "adopted, though no grant has come"
    );
    rig.start_helper();
    rig.wait_state("throttled", SOON);
    assert!(rig.pair.inside.is_shaped(LINK));
    assert!(rig.daemon.as_mut().unwrap().terminate().success());
    assert!(!rig.pair.inside.is_shaped(LINK));
}

#[test]
fn release_lifts_what_a_dead_daemon_has_left_and_puts_back_what_was_there() {
    let mut rig = Rig::new();
    rig.pair.inside.tc(&format!(
        "qdisc replace dev {LINK} root handle 1: pfifo limit 77"
    ));
    let before = rig.pair.inside.qdiscs(LINK);
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", SOON);
    rig.kill_both();
    rig.bus.stop();
    assert!(rig.pair.inside.is_shaped(LINK));
    // The second time there is nothing to do, and that is no failure.
    for _ in 0..2 {
        let mut release = Process::start(rig.daemon_command().arg("--release"));
        assert!(release.wait().success());
        assert_eq!(rig.pair.inside.qdiscs(LINK), before);
    }
}

#[test]
fn keep_on_exit_leaves_the_limit() {
    let mut rig = Rig::new();
    rig.configure(&young("30 MB", "1 kB", ""));
    let mut command = rig.daemon_command();
    rig.start_daemon_by(command.arg("--keep-on-exit"));
    rig.start_helper();
    rig.wait_state("throttled", SOON);
    assert!(rig.daemon.as_mut().unwrap().terminate().success());
    assert!(rig.pair.inside.is_shaped(LINK));
}

#[test]
fn the_helper_hands_its_grants_to_a_new_daemon() {
    let mut rig = throttled();
    assert!(rig.daemon.as_mut().unwrap().terminate().success());
    assert!(!rig.pair.inside.is_shaped(LINK));
    rig.start_daemon();
    println!("held again after {:?}", wait_shaped(&rig));
    rig.wait_state("throttled", SOON);
}

#[test]
fn a_restarted_bus_loses_nothing() {
    let mut rig = throttled();
    rig.bus.restart();
    assert!(rig.pair.inside.is_shaped(LINK));
    wait_for("both are back", Duration::from_secs(10), || {
        rig.owner("org.bwflow1.Helper")?;
        rig.report()
            .filter(|link| link["state"] == "throttled")
            .map(|_| ())
    });
    assert!(rig.pair.inside.is_shaped(LINK));
}

#[test]
fn a_link_created_anew_gets_its_limit_at_once_and_its_bytes_are_charged() {
    let mut rig = Rig::new();
    rig.start(&young("70 GB", "200 MB", ""));
    let traffic = Traffic::start(&rig.pair);
    wait_for("some traffic", SOON, || {
        (rig.pair.sent() > 50_000_000).then_some(())
    });
    let used = |rig: &Rig| rig.report().unwrap()["used_bytes"].as_u64().unwrap();
    rig.pair.disconnect();
    rig.wait_state("absent", SOON);
    rig.pair.connect();
    println!("armed {:?} after it was created", wait_shaped(&rig));
    rig.wait_state("throttled", Duration::from_secs(20));
    drop(traffic);
    let paid = 200_000_000;
    let (_, sum) = wait_for("both links' bytes in the ledger", SOON, || {
        Some(used(&rig)).filter(|used| *used >= paid * 95 / 100)
    });
    println!("charged {sum} over both links");
    // What an hour at most has dripped comes on top; the whole burst again does not.
    assert!(sum <= paid + 3700 * 27_000);
}

#[test]
fn a_flapping_link_does_not_refill_its_bucket() {
    let mut rig = Rig::new();
    rig.start(&young("70 GB", "100 MB", ""));
    let before = rig.pair.received();
    let _traffic = Traffic::start(&rig.pair);
    for _ in 0..4 {
        let had = rig.pair.received();
        wait_for("traffic", SOON, || {
            (rig.pair.received() > had + 10_000).then_some(())
        });
        rig.pair.inside.ip(&format!("link set {LINK} down"));
        rig.pair.inside.ip(&format!("link set {LINK} up"));
    }
    rig.wait_state("throttled", Duration::from_secs(20));
    throughout(Duration::from_secs(3), |_| {
        let received = rig.pair.received() - before;
        // A period just begun has dripped at most an hour's worth.
        assert!(
            received < 100_000_000 + 3700 * 27_000 + 65_536,
            "{received}"
        );
    });
}

#[test]
fn a_renamed_link_is_let_go_and_the_name_is_waited_for() {
    let rig = throttled();
    rig.pair.inside.ip(&format!("link set {LINK} name other0"));
    rig.wait_state("absent", SOON);
    assert!(
        !rig.pair.inside.is_shaped("other0"),
        "nothing of ours stays behind"
    );
    rig.pair.inside.ip(&format!("link set other0 name {LINK}"));
    wait_shaped(&rig);
    rig.wait_state("throttled", SOON);
}

#[test]
fn a_classless_discipline_is_put_back_as_it_was() {
    let mut rig = Rig::new();
    rig.pair.inside.tc(&format!(
        "qdisc replace dev {LINK} root handle 8077: pfifo limit 77"
    ));
    let before = rig.pair.inside.qdiscs(LINK);
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", SOON);
    assert!(rig.pair.inside.is_shaped(LINK));
    // Also after a crash, since what was there is remembered on disk.
    rig.kill_both();
    rig.start_daemon();
    rig.start_helper();
    rig.wait_state("throttled", SOON);
    assert!(rig.daemon.as_mut().unwrap().terminate().success());
    assert_eq!(rig.pair.inside.qdiscs(LINK), before);
}

#[test]
fn a_tree_of_somebody_else_s_is_not_touched() {
    let mut rig = Rig::new();
    rig.pair.inside.tc(&format!(
        "qdisc add dev {LINK} root handle 1: htb default 10"
    ));
    rig.pair.inside.tc(&format!(
        "class add dev {LINK} parent 1: classid 1:10 htb rate 1gbit"
    ));
    let before = rig.pair.inside.qdiscs(LINK);
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("blocked", SOON);
    assert_eq!(rig.pair.inside.qdiscs(LINK), before);
    let status = rig.ctl(&["status"]);
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("htb 1:"), "{text}");
    rig.pair.inside.tc(&format!("qdisc del dev {LINK} root"));
    println!("held {:?} after the tree was gone", wait_shaped(&rig));
    rig.wait_state("throttled", SOON);
    // And one that somebody puts over ours later.
    rig.pair.inside.tc(&format!(
        "qdisc replace dev {LINK} root handle 1: htb default 10"
    ));
    rig.wait_state("blocked", SOON);
    let theirs = rig.pair.inside.qdiscs(LINK);
    assert!(rig.daemon.as_mut().unwrap().terminate().success());
    assert_eq!(rig.pair.inside.qdiscs(LINK), theirs);
}

#[test]
fn somebody_s_changes_to_our_numbers_are_undone() {
    let rig = throttled();
    let before = rig.pair.inside.qdiscs(LINK);
    let faster = "root handle b0f1: tbf rate 1gbit burst 1mb limit 1mb";
    rig.pair
        .inside
        .tc(&format!("qdisc change dev {LINK} {faster}"));
    wait_for("our numbers again", SOON, || {
        (rig.pair.inside.qdiscs(LINK) == before).then_some(())
    });
}

#[test]
fn ended_by_sigint_it_takes_its_limit_off_too() {
    let mut rig = throttled();
    let daemon = rig.daemon.as_mut().unwrap();
    daemon.signal(Signal::SIGINT);
    assert!(daemon.wait().success());
    assert!(!rig.pair.inside.is_shaped(LINK));
}

#[test]
fn what_a_bridge_says_of_its_port_charges_nothing() {
    let mut rig = Rig::new();
    rig.start(&young("100 GB", "20 GB", ""));
    let traffic = Traffic::start(&rig.pair);
    wait_for("ten gigabytes of twenty", Duration::from_secs(30), || {
        (rig.pair.sent() > 10_500_000_000).then_some(())
    });
    drop(traffic);
    assert_eq!(rig.state_word(), "open");
    rig.pair.inside.ip("link add br0 type bridge");
    rig.pair.inside.ip(&format!("link set {LINK} master br0"));
    rig.pair.inside.ip(&format!("link set {LINK} nomaster"));
    // Charged once more, the counter would have used up the rest.
    throughout(Duration::from_secs(2), |_| {
        assert_eq!(rig.state_word(), "open");
    });
}

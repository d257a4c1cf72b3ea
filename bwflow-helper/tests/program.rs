//! The real program on a private bus, with the loopback interface as its link.

#![allow(clippy::unwrap_used)]

use bwflow_proto::bus::HelperProxy;
use nix::sys::signal::Signal;

use bwflow_proto::claim::TopUp;
use common::{Call, Daemon, World, eventually, show_top_ups};

mod common;

const TWO_LINKS: &str = "
[bandwidth]
monthly_budget_gb = 100
pre_charge_gb = 50
[[link]]
interface = \"lo\"
[[link]]
interface = \"bwflow-none0\"
monthly_budget = \"7 GB\"
pre_charge = \"1 GB\"
";
const ONE_LINK: &str = "
[bandwidth]
monthly_budget_gb = 200
[network]
interface = \"lo\"
";

fn send(bytes: usize) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    for _ in 0..bytes.div_ceil(1000) {
        socket.send_to(&[0; 1000], to).unwrap();
    }
}

#[tokio::test]
async fn every_link_gets_its_grant_and_then_its_ledger() {
    let world = World::new(TWO_LINKS);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    let _helper = world.helper();
    let lo = daemon.ledger("lo").await;
    let none = daemon.ledger("bwflow-none0").await;
    assert_eq!(
        (lo.budget_bytes, lo.burst_bytes),
        (100_000_000_000, 50_000_000_000)
    );
    assert_eq!((lo.counted.as_str(), lo.source.as_str()), ("tx", "kernel"));
    assert_eq!((none.budget_bytes, none.used_bytes), (7_000_000_000, 0));
    assert_eq!(daemon.grant("lo").await.interface_index, 1);
    let grant = daemon.grant("bwflow-none0").await;
    assert_eq!((grant.interface_index, grant.tx_counter), (0, 0));
    assert!(grant.available_bytes >= 1_000_000_000);
    let mut granted = Vec::new();
    for call in daemon.calls() {
        match call {
            Call::Grant(name, _) => granted.push(name),
            Call::Ledger(name, _) => assert!(granted.contains(&name), "{name} had no grant yet"),
            Call::Confirm(name, _) | Call::Forget(name) => {
                panic!("{name} was forgotten or topped up")
            }
        }
    }
}

#[tokio::test]
async fn refresh_returns_when_the_daemon_has_the_new_figures() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    let _helper = world.helper();
    let before = daemon.ledger("lo").await;
    let client = world.client().await;
    let helper = HelperProxy::new(&client).await.unwrap();
    // The first look was just now; fresh figures are to be had once a second.
    let after = loop {
        send(50_000);
        helper.refresh().await.unwrap();
        let after = daemon.ledger("lo").await;
        if after.updated_at_usec > before.updated_at_usec {
            break after;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(after.used_bytes >= before.used_bytes + 50_000);
    let grant = daemon.grant("lo").await;
    assert_eq!(
        grant.available_bytes,
        i64::try_from(after.accrued_bytes).unwrap() - i64::try_from(after.used_bytes).unwrap()
    );
}

#[tokio::test]
async fn a_daemon_that_comes_back_is_told_everything_and_forgets_what_is_no_link_of_ours() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let first = Daemon::appear(&world, &[]).await;
    let _helper = world.helper();
    first.ledger("lo").await;
    first.disappear().await;
    let second = Daemon::appear(&world, &["lo", "gone0"]).await;
    second.ledger("lo").await;
    let forget = Call::Forget("gone0".to_owned());
    eventually("gone0 is forgotten", || {
        second.calls().contains(&forget).then_some(())
    })
    .await;
    assert!(matches!(&second.calls()[0], Call::Grant(name, _) if name == "lo"));
    assert!(!second.calls().contains(&Call::Forget("lo".to_owned())));
}

#[tokio::test]
async fn without_a_bus_counting_goes_on_until_there_is_one() {
    let world = World::new(ONE_LINK);
    let mut helper = world.helper();
    eventually("the missing bus is logged", || {
        world.log().contains("no bus to publish on").then_some(())
    })
    .await;
    let bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    daemon.ledger("lo").await;
    // And once more, when the bus itself is restarted.
    drop((bus, daemon));
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    daemon.ledger("lo").await;
    helper.signal(Signal::SIGTERM);
    assert_eq!(helper.ended().await.code(), Some(0), "{}", world.log());
}

#[tokio::test]
async fn a_wrong_new_configuration_is_logged_and_the_old_one_stays() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &["lo", "bwflow-none0"]).await;
    let helper = world.helper();
    assert_eq!(daemon.ledger("lo").await.budget_bytes, 200_000_000_000);

    world.configure("[bandwith]\nmonthly_budget_gb = -1\n");
    helper.signal(Signal::SIGHUP);
    eventually("the problem is logged", || {
        world.log().contains("config.toml:1:").then_some(())
    })
    .await;

    daemon.forget_calls();
    world.configure(TWO_LINKS);
    helper.signal(Signal::SIGHUP);
    let ledger = daemon.ledger("bwflow-none0").await;
    assert_eq!(ledger.budget_bytes, 7_000_000_000);
    assert_eq!(daemon.ledger("lo").await.budget_bytes, 100_000_000_000);

    daemon.forget_calls();
    world.configure(ONE_LINK);
    helper.signal(Signal::SIGHUP);
    let forget = Call::Forget("bwflow-none0".to_owned());
    eventually("the dropped link is forgotten", || {
        daemon.calls().contains(&forget).then_some(())
    })
    .await;
    assert_eq!(daemon.ledger("lo").await.budget_bytes, 200_000_000_000);
}

#[tokio::test]
async fn a_wrong_configuration_at_start_is_exit_code_2() {
    let world = World::new("[bandwith]\n");
    let status = world.helper().ended().await;
    assert_eq!(status.code(), Some(2));
    assert!(world.log().contains("config.toml:1:"), "{}", world.log());
}

#[tokio::test]
async fn a_second_helper_on_the_same_ledger_is_refused() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    let _first = world.helper();
    daemon.ledger("lo").await;
    let status = world.helper().ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(
        world.log().contains("another bwflow-helper"),
        "{}",
        world.log()
    );
}

#[tokio::test]
async fn a_helper_that_was_killed_goes_on_with_every_byte() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    let mut helper = world.helper();
    let before = daemon.ledger("lo").await;
    let start = daemon.grant("lo").await.tx_counter;
    for _ in 0..5 {
        helper.signal(Signal::SIGKILL);
        helper.ended().await;
        daemon.forget_calls();
        send(30_000);
        helper = world.helper();
        let ledger = daemon.ledger("lo").await;
        let grant = daemon.grant("lo").await;
        // The loopback carries other traffic, too; but to the byte, it is all in the ledger.
        assert_eq!(ledger.tx_bytes, before.tx_bytes + grant.tx_counter - start);
    }
    assert!(daemon.grant("lo").await.tx_counter >= start + 150_000);
    drop(helper);
}

fn top_up(digit: &str, bytes: u64) -> TopUp {
    TopUp {
        id: digit.repeat(32),
        bytes,
        owner: "root".to_owned(),
        at_usec: u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap(),
        ..TopUp::default()
    }
}

#[tokio::test]
async fn a_top_up_that_could_not_be_booked_is_booked_later() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &["lo"]).await;
    let _helper = world.helper();
    daemon.ledger("lo").await;
    let ledger = rusqlite::Connection::open(world.path("state/ledger.db")).unwrap();
    // Longer than the helper waits for its turn.
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.top_ups.lock().unwrap().push(top_up("d", 9));
    daemon.show_top_ups("lo", &[top_up("d", 9)]).await;
    eventually("the helper gives up for now", || {
        world.log().contains("locked").then_some(())
    })
    .await;
    ledger.execute_batch("ROLLBACK").unwrap();
    eventually("the top-up is confirmed", || {
        let confirmed = Call::Confirm("lo".to_owned(), vec!["d".repeat(32)]);
        daemon.calls().contains(&confirmed).then_some(())
    })
    .await;
    assert_eq!(daemon.ledger("lo").await.topup_bytes, 9);
}

#[tokio::test]
async fn only_the_daemon_s_own_word_books_a_top_up() {
    let world = World::new(ONE_LINK);
    let _bus = world.bus().await;
    let daemon = Daemon::appear(&world, &[]).await;
    let _helper = world.helper();
    daemon.ledger("lo").await;
    // This bus lets everybody say everything, and more than any queue holds.
    let stranger = world.client().await;
    for _ in 0..500 {
        show_top_ups(&stranger, "lo", &[top_up("a", 5_000_000_000)]).await;
    }
    // What makes no sense is not even taken from the daemon.
    daemon.show_top_ups("lo", &[top_up("b", u64::MAX)]).await;
    daemon.show_top_ups("lo", &[top_up("c", 7)]).await;
    eventually("the daemon's top-up is confirmed", || {
        let confirmed = Call::Confirm("lo".to_owned(), vec!["c".repeat(32)]);
        daemon.calls().contains(&confirmed).then_some(())
    })
    .await;
    assert_eq!(daemon.ledger("lo").await.topup_bytes, 7);
    let others = |call: &Call| matches!(call, Call::Confirm(_, ids) if ids[0] != "c".repeat(32));
    assert!(!daemon.calls().iter().any(others));
}

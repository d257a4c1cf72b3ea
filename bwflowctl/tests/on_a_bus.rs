//! The program on a bus, before a stand-in for the daemon.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use bwflow_proto::ledger::LedgerView;
use common::{PrivateBus, Running, daemon, ended, helper, set_state};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

fn ledger() -> LedgerView {
    LedgerView {
        timezone: "UTC".to_owned(),
        budget_bytes: 100_000_000_000,
        used_bytes: 1_000_000_000,
        available_bytes: -5,
        updated_at_usec: 1_795_305_600_000_000,
        ..LedgerView::default()
    }
}

/// The state of each link in a line of `status --json`.
fn states(line: &str) -> Vec<String> {
    let status = json(line.as_bytes());
    let links = status["links"].as_array().unwrap();
    let word = |link: &serde_json::Value| link["state"].as_str().unwrap().to_owned();
    links.iter().map(word).collect()
}

#[tokio::test]
async fn without_a_daemon_it_says_how_to_start_it() {
    let bus = PrivateBus::start().await;
    for words in [&["report"][..], &["status"], &["status", "--json"]] {
        let output = bus.run(words).await;
        assert_eq!(output.status.code(), Some(3), "{words:?}");
        assert!(text(&output.stderr).contains("bwflowd is not running; start it with"));
        assert_eq!(text(&output.stdout), "");
    }
}

#[tokio::test]
async fn a_report_shows_what_the_daemon_has_and_how_old_it_is() {
    let bus = PrivateBus::start().await;
    let _daemon = daemon(&bus, &[("wg0", None), ("eth0", Some(ledger()))]).await;
    let output = bus.run(&["report", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr),
        "bwflow-helper is not running: the figures are as of 2026-11-22 00:00 UTC; if it \
         does not start, see `bwflowctl check-config`\n"
    );
    let report = json(&output.stdout);
    assert_eq!(report["links"][0]["interface"], "eth0");
    assert_eq!(report["links"][0]["used_bytes"], 1_000_000_000);
    assert_eq!(report["links"][0]["available_bytes"], -5);
    assert_eq!(report["links"][1]["interface"], "wg0");
    assert_eq!(report["links"][1]["used_bytes"], serde_json::Value::Null);

    let _helper = helper(&bus).await;
    let output = bus.run(&["report", "--link", "eth0"]).await;
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).starts_with("LINK  STATE"));
    assert!(!text(&output.stdout).contains("wg0"));
    assert!(!text(&output.stdout).contains('\u{1b}'));

    for words in [
        &["report", "--link", "eth9"][..],
        &["report", "-i", "eth9"],
        &["status", "--interface", "eth9"],
        &["status", "-w", "-i", "eth9"],
        &["throttle", "5mbit", "-i", "eth9"],
    ] {
        let output = bus.run(words).await;
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(
            text(&output.stderr),
            "bwflowctl: no link `eth9`: there are eth0, wg0\n"
        );
    }
    let output = bus.run(&["status", "-i", "wg0", "--json"]).await;
    let status = json(&output.stdout);
    assert_eq!(status["links"].as_array().unwrap().len(), 1);
    assert_eq!(status["links"][0]["interface"], "wg0");
}

#[tokio::test]
async fn without_a_helper_and_any_link_there_is_nothing_to_report() {
    let bus = PrivateBus::start().await;
    let _daemon = daemon(&bus, &[]).await;
    for words in [&["report"][..], &["report", "--link", "eth0"]] {
        let output = bus.run(words).await;
        assert_eq!(output.status.code(), Some(3), "{words:?}");
        assert_eq!(text(&output.stdout), "");
        let told = text(&output.stderr);
        assert!(
            told.contains("bwflow-helper is not running; start it with"),
            "{told}"
        );
    }
    let output = bus.run(&["report", "--json"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(json(&output.stdout)["links"], serde_json::json!([]));

    let output = bus.run(&["status"]).await;
    assert!(
        !text(&output.stdout).contains("grants"),
        "{}",
        text(&output.stdout)
    );
    let _helper = helper(&bus).await;
    assert_eq!(bus.run(&["report"]).await.status.code(), Some(0));
}

#[tokio::test]
async fn lines_tell_that_the_helper_has_gone() {
    let bus = PrivateBus::start().await;
    let _daemon = daemon(&bus, &[("eth0", None)]).await;
    let helper = helper(&bus).await;
    let mut watch = Running::start(bus.command(&["status", "--watch"]));
    assert!(watch.line().await.contains(" eth0 open"));
    helper.close().await.unwrap();
    let line = watch.line().await;
    assert!(line.contains(" bwflow-helper is not running"), "{line}");
}

#[tokio::test]
async fn a_bus_that_refuses_is_not_said_to_be_down() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let path = format!(
        "{}/refusing-bus.{}",
        env!("CARGO_TARGET_TMPDIR"),
        std::process::id()
    );
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let refusing = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut said = [0; 512];
        let _ = peer.read(&mut said).await.unwrap();
        peer.write_all(b"REJECTED ANONYMOUS\r\n").await.unwrap();
        while peer.read(&mut said).await.is_ok_and(|read| read > 0) {}
    });
    let address = format!("unix:path={path}");
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_bwflowctl"))
        .args(["report", "--address", &address])
        .output()
        .await
        .unwrap();
    refusing.await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("does not let this user in"), "{told}");
    assert!(!told.contains("running?"), "{told}");
}

#[tokio::test]
async fn a_watch_tells_every_change_in_its_order() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("eth0", None)]).await;
    let mut watch = Running::start(bus.command(&["status", "--json", "--watch"]));
    assert_eq!(states(&watch.line().await), ["open"]);
    let words = ["armed", "throttled", "open", "armed", "throttled"];
    for word in words {
        set_state(&daemon, "eth0", word).await;
    }
    for word in words {
        assert_eq!(states(&watch.line().await), [word]);
    }
}

#[tokio::test]
async fn a_watch_outlives_the_daemon_and_sees_the_helper_come() {
    let bus = PrivateBus::start().await;
    let first = daemon(&bus, &[("eth0", None)]).await;
    let mut watch = Running::start(bus.command(&["status", "--json", "-w"]));
    assert_eq!(states(&watch.line().await), ["open"]);
    first.close().await.unwrap();
    assert_eq!(watch.talk().await, "waiting for bwflowd");
    let line = watch.line().await;
    assert_eq!(json(line.as_bytes())["daemon"], "absent");
    let second = daemon(&bus, &[("eth0", None), ("wg0", None)]).await;
    assert_eq!(states(&watch.line().await), ["open", "open"]);
    set_state(&second, "wg0", "throttled").await;
    assert_eq!(states(&watch.line().await), ["open", "throttled"]);
    let _helper = helper(&bus).await;
    let line = watch.line().await;
    assert_eq!(json(line.as_bytes())["helper"], "present");
}

#[tokio::test]
async fn a_watch_may_be_started_before_the_daemon() {
    let bus = PrivateBus::start().await;
    let mut watch = Running::start(bus.command(&["status", "--watch", "-i", "eth1"]));
    assert_eq!(watch.talk().await, "waiting for bwflowd");
    let ledger = || Some(LedgerView::default());
    let _daemon = daemon(&bus, &[("eth0", ledger()), ("eth1", ledger())]).await;
    let line = watch.line().await;
    assert!(
        line.ends_with(" eth1 open, no limit: budget left"),
        "{line}"
    );
}

#[tokio::test]
async fn a_watch_ends_well_with_its_reader_and_by_ctrl_c() {
    let bus = PrivateBus::start().await;
    let _daemon = daemon(&bus, &[("eth0", None)]).await;
    let mut watch = Running::start(bus.command(&["status", "--watch"]));
    watch.line().await;
    assert_eq!(watch.hang_up().await.code(), Some(0));

    let mut watch = Running::start(bus.command(&["status", "--watch"]));
    watch.line().await;
    let id = i32::try_from(watch.process.id().unwrap()).unwrap();
    kill(Pid::from_raw(id), Signal::SIGINT).unwrap();
    assert_eq!(ended(&mut watch.process).await.code(), Some(0));
}

#[tokio::test]
async fn others_cannot_speak_for_the_daemon() {
    let bus = PrivateBus::start().await;
    let honest = daemon(&bus, &[("eth0", None)]).await;
    let mut watch = Running::start(bus.command(&["status", "--json", "--watch"]));
    assert_eq!(states(&watch.line().await), ["open"]);
    let liar = zbus::connection::Builder::address(bus.address.as_str())
        .build()
        .await
        .unwrap();
    let lie = std::collections::HashMap::from([("State", zbus::Variant::from("throttled"))]);
    liar.emit_signal(
        None::<&str>,
        "/org/bwflow1/link/eth0",
        "org.freedesktop.DBus.Properties",
        "PropertiesChanged",
        &("org.bwflow1.Link", lie, Vec::<&str>::new()),
    )
    .await
    .unwrap();
    // The bus keeps the order only within a sender: let the lie arrive before the truth.
    zbus::fdo::PeerProxy::builder(&liar)
        .destination("org.bwflow1")
        .path("/org/bwflow1")
        .build()
        .await
        .unwrap()
        .ping()
        .await
        .unwrap();
    set_state(&honest, "eth0", "armed").await;
    assert_eq!(states(&watch.line().await), ["armed"]);
}

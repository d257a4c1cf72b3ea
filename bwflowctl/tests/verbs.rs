//! The verbs before a stand-in for the daemon.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use bwflow_proto::claim::Claim;
use bwflow_proto::ledger::LedgerView;
use common::{Answer, Link, PrivateBus, change, daemon, helper, until};
use zbus::Connection;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn calls(daemon: &Connection, interface: &str) -> Vec<String> {
    let mut calls = Vec::new();
    change(daemon, interface, |link| {
        calls = std::mem::take(&mut *link.calls.lock().unwrap());
    })
    .await;
    calls
}

/// 2026-11-22T18:00:00Z.
const EVENING: u64 = 1_795_370_400_000_000;

fn by_root(rate_bytes_per_second: u64, expires_usec: u64) -> Claim {
    Claim {
        rate_bytes_per_second,
        owner: "root".to_owned(),
        expires_usec,
        ..Claim::default()
    }
}

#[tokio::test]
async fn each_form_of_the_words_is_one_call() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("wan0", None)]).await;
    for (words, call) in [
        (
            &["throttle", "5 Mbit/s", "--for", "2h", "--reason", "x y"][..],
            "Throttle 625000 for=7200000000 reason=x y ask",
        ),
        (
            &["throttle", "8bit", "--force", "--no-ask-password"],
            "Throttle 1 force=true",
        ),
        (&["throttle", "--clear", "-i", "wan0"], "ClearThrottle ask"),
        (&["override"], "Override ask"),
        (
            &["override", "--rate", "20Mbit", "--add", "1GB"],
            "Override rate=2500000 add=1000000000 ask",
        ),
        (
            &["override", "--add", "10GB", "--reason", "x"],
            "TopUp 10000000000 reason=x ask",
        ),
        (&["override", "--clear"], "ClearOverride ask"),
    ] {
        let output = bus.run(words).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(calls(&daemon, "wan0").await, [call], "{words:?}");
        assert_eq!(text(&output.stdout), "", "{words:?}");
    }
}

#[tokio::test]
async fn what_holds_is_told_by_what_the_daemon_shows() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("wan0", None), ("wan1", None)]).await;
    change(&daemon, "wan0", |link| {
        link.throttle = Some(by_root(625_000, EVENING));
        link.state = "blocked".to_owned();
        link.blocked_by = "htb 1:".to_owned();
    })
    .await;
    let output = bus.run(&["throttle", "9Mbit", "--interface", "wan0"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "wan0: capped to 5 Mbit/s until 2026-11-22 18:00 UTC\n\
         wan0: recorded, but htb 1: is in the way: nothing is held until it is gone\n"
    );
    change(&daemon, "wan1", |link| link.lift = Some(by_root(0, 0))).await;
    let output = bus
        .run(&["override", "--interface", "wan1", "--json"])
        .await;
    assert_eq!(
        text(&output.stderr),
        "wan1: no limit until it is cleared; what flows is still charged\n"
    );
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["interface"], "wan1");
    assert_eq!(record["override"]["owner"], "root");
    let output = bus.run(&["throttle", "--clear", "-i", "wan0"]).await;
    assert_eq!(
        text(&output.stderr),
        "wan0: the throttle is cleared; now blocked, no limit: htb 1: is in the way\n"
    );
}

#[tokio::test]
async fn a_link_must_be_named_where_there_are_several() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("wan0", None), ("wan1", None)]).await;
    for (words, told) in [
        (
            &["override"][..],
            "bwflowctl: which link? say --interface with one of wan0, wan1\n",
        ),
        (
            &["override", "-i", "eth9"],
            "bwflowctl: no link `eth9`: there are wan0, wan1\n",
        ),
    ] {
        let output = bus.run(words).await;
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stderr), told);
    }
    assert!(calls(&daemon, "wan0").await.is_empty());
    assert!(calls(&daemon, "wan1").await.is_empty());
}

#[tokio::test]
async fn every_refusal_has_its_code_and_its_cure() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("wan0", None)]).await;
    for (answer, words, code, told) in [
        (
            Answer(
                "org.bwflow1.Error.BelowMinRate",
                "8 bit/s is less than min_rate",
            ),
            &["throttle", "8bit"][..],
            2,
            "bwflowctl: 8 bit/s is less than min_rate; if that is meant, say --force\n",
        ),
        (
            Answer("org.freedesktop.DBus.Error.InvalidArgs", "too much of it"),
            &["override"],
            2,
            "bwflowctl: too much of it\n",
        ),
        (
            Answer("org.freedesktop.DBus.Error.AccessDenied", "polkit says no"),
            &["override", "--add", "1GB", "--for", "1h"],
            4,
            "bwflowctl: not allowed: polkit says no; run it with sudo, or ask an administrator of \
             this host, who can also allow it by a polkit rule for org.bwflow1.override and \
             org.bwflow1.top-up\n",
        ),
        (
            Answer(
                "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                "a password is needed",
            ),
            &["throttle", "--clear", "--no-ask-password"],
            4,
            "bwflowctl: not allowed: this needs a password, and --no-ask-password forbids to ask \
             for one; leave it out, or run it with sudo, or ask an administrator of this host, \
             who can also allow it by a polkit rule for org.bwflow1.throttle\n",
        ),
        (
            Answer(
                "org.freedesktop.DBus.Error.LimitsExceeded",
                "9 wait already",
            ),
            &["override"],
            4,
            "bwflowctl: not allowed: 9 wait already; answer or cancel the requests that wait for a \
             password, or run this with sudo\n",
        ),
        (
            Answer("org.freedesktop.DBus.Error.Failed", "the disk is full"),
            &["override"],
            1,
            "bwflowctl: bwflowd answered: org.freedesktop.DBus.Error.Failed: the disk is full\n",
        ),
    ] {
        change(&daemon, "wan0", |link| link.refusal = Some(answer)).await;
        let output = bus.run(words).await;
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        assert_eq!(text(&output.stderr), told);
        assert_eq!(text(&output.stdout), "");
    }
}

#[tokio::test]
async fn without_a_daemon_a_verb_fails_at_once() {
    let bus = PrivateBus::start().await;
    let output = bus.run(&["throttle", "5Mbit"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("bwflowd is not running; start it"));
    let _daemon = daemon(&bus, &[]).await;
    let output = bus.run(&["override"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("bwflow-helper is not running"));
}

#[tokio::test]
async fn a_daemon_that_ends_while_it_is_asked_ends_the_wait() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("wan0", None)]).await;
    change(&daemon, "wan0", |link| link.is_silent = true).await;
    let mut asking = common::Running::start(bus.command(&["override"]));
    until(&daemon, "wan0", |link| {
        !link.calls.lock().unwrap().is_empty()
    })
    .await;
    daemon.close().await.unwrap();
    let told = asking.talk().await;
    assert_eq!(
        told,
        "bwflowctl: bwflowd ended before it answered; `bwflowctl status` tells what holds"
    );
    assert_eq!(common::ended(&mut asking.process).await.code(), Some(1));
}

#[tokio::test]
async fn a_top_up_waits_for_the_helper_and_says_the_new_figures() {
    let bus = PrivateBus::start().await;
    let ledger = LedgerView {
        budget_bytes: 100_000_000_000,
        available_bytes: 3_000_000_000,
        ..LedgerView::default()
    };
    let daemon = daemon(&bus, &[("wan0", Some(ledger))]).await;
    let output = bus.run(&["override", "--add", "10GB"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr)
            .starts_with("wan0: 10 GB kept; it is booked as soon as bwflow-helper runs"),
        "{}",
        text(&output.stderr)
    );

    let _helper = helper(&bus).await;
    let mut asking = common::Running::start(bus.command(&["override", "--add", "10GB", "--json"]));
    until(&daemon, "wan0", |link| {
        link.pending.lock().unwrap().len() == 2
    })
    .await;
    // Confirmed first, shown a little later.
    change(&daemon, "wan0", |link| link.pending.lock().unwrap().clear()).await;
    change(&daemon, "wan0", |link| {
        let ledger = link.ledger.as_mut().unwrap();
        ledger.topup_bytes = 20_000_000_000;
        ledger.available_bytes = 23_000_000_000;
    })
    .await;
    assert_eq!(
        asking.talk().await,
        "wan0: 10 GB added: the budget of this period is 120 GB, 23 GB available"
    );
    let record: serde_json::Value = serde_json::from_str(&asking.line().await).unwrap();
    assert_eq!(record["pending_topups"], serde_json::json!([]));
    assert_eq!(common::ended(&mut asking.process).await.code(), Some(0));

    // A helper that does not book it in time.
    let output = bus.run(&["override", "--add", "1GB"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "wan0: 1 GB kept; bwflow-helper has not booked it yet, and will\n"
    );
}

#[tokio::test]
async fn decisions_by_hand_are_shown_without_control_characters() {
    let bus = PrivateBus::start().await;
    let daemon = daemon(&bus, &[("wan0", None)]).await;
    let set = |link: &mut Link| {
        link.state = "manual".to_owned();
        link.limit = 625_000;
        link.throttle = Some(Claim {
            owner: "al\u{9b}ice".to_owned(),
            reason: "a\u{1b}[2J\u{202e}b".to_owned(),
            ..by_root(625_000, EVENING)
        });
    };
    change(&daemon, "wan0", set).await;
    let _helper = helper(&bus).await;
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["report"],
        &["report", "--json"],
    ] {
        let output = bus.run(words).await;
        let shown = text(&output.stdout);
        assert!(shown.contains("al?ice"), "{shown}");
        assert!(shown.contains("a?[2J?b"), "{shown}");
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(shown.chars().all(is_plain), "{shown:?}");
    }
    let output = bus.run(&["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["links"][0]["until"], "2026-11-22T18:00:00Z");
}

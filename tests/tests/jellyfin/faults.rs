//! What can go wrong on the way, and what is said of it.

use bwflow_helper::jellyfin::State;
use bwflow_tests::fake::Service;
use bwflow_tests::fake::fault::{Does, Fault};

use crate::rig::{Rig, VERSIONS, key};

/// A fault, how far Jellyfin follows then, a word of what is said, and whether it is tried again soon.
fn faults() -> Vec<(&'static str, Fault, State, &'static str, bool)> {
    let html = "<html>secret</html>";
    let of = |does| Fault::of(Service::Jellyfin, does);
    vec![
        ("hangs", of(Does::Hang), State::Unreachable, "in time", true),
        (
            "closes",
            of(Does::Close),
            State::Unreachable,
            "Jellyfin",
            true,
        ),
        (
            "never ends",
            of(Does::Endless),
            State::Unreachable,
            "Jellyfin",
            true,
        ),
        (
            "breaks off",
            of(Does::Truncate),
            State::Unreachable,
            "Jellyfin",
            true,
        ),
        (
            "a proxy's page",
            of(Does::typed(200, "text/html", html)),
            State::Refused,
            "text/html",
            false,
        ),
        (
            "broken JSON",
            of(Does::typed(200, "application/json", "{")),
            State::Refused,
            "broken JSON",
            false,
        ),
        (
            "another service",
            of(Does::typed(200, "application/json", "{}")),
            State::Refused,
            "not Jellyfin",
            false,
        ),
        (
            "wrong key",
            of(Does::status(401, &[])),
            State::Refused,
            "API Keys",
            false,
        ),
        (
            "forbidden",
            of(Does::status(403, &[])),
            State::Refused,
            "403",
            false,
        ),
        (
            "absent",
            of(Does::typed(404, "text/html", html)),
            State::Refused,
            "base path",
            false,
        ),
        (
            "redirects",
            of(Does::redirect("/jellyfin/web/")),
            State::Refused,
            "/jellyfin/web/",
            false,
        ),
        (
            "blocked",
            of(Does::status(503, &[])),
            State::Refused,
            "remote client",
            false,
        ),
        (
            "empty",
            of(Does::status(200, &[])),
            State::Refused,
            "host_header",
            false,
        ),
        (
            "starting",
            of(Does::status(503, &[("retry-after", "120")])),
            State::Pending,
            "starting",
            true,
        ),
        (
            "fails",
            of(Does::typed(500, "text/plain", "secret")),
            State::Pending,
            "500",
            true,
        ),
        (
            "a proxy without it",
            of(Does::typed(502, "text/html", html)),
            State::Unreachable,
            "502",
            true,
        ),
    ]
}

#[tokio::test]
async fn every_fault_is_told_and_over_when_it_is_over() {
    for (name, fault, state, word, is_soon) in faults() {
        for path in ["/System/Info/Public", "/System/Configuration"] {
            let mut rig = Rig::new("10.11.11").await;
            rig.fake.state().fail(fault.clone().at(path).on("GET"));
            let outcome = rig.hold(2_000_000).await;
            let error = outcome.error.unwrap_or_default();
            // A configuration of no members is no one's; the words differ from there on.
            let is_bare = name == "another service" && path.ends_with("Configuration");
            assert_eq!(outcome.state, state, "{name} at {path}: {error}");
            assert!(is_bare || error.contains(word), "{name} at {path}: {error}");
            assert!(!error.contains("secret"), "{error}");
            assert_eq!(outcome.retry_after.is_some(), is_soon, "{name}: {error}");
            assert_eq!((rig.limit(), rig.posts()), (0, 0), "{name}");
            rig.fake.state().faults.clear();
            let outcome = rig.hold(2_000_000).await;
            assert_eq!(
                (outcome.state, outcome.error),
                (State::Held, None),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_write_that_fails_is_read_back_all_the_same() {
    let of = |does| Fault::of(Service::Jellyfin, does).on("POST").times(1);
    for (name, fault) in [
        ("lost after it was done", of(Does::Lose)),
        ("lost before", of(Does::status(500, &[]))),
    ] {
        let mut rig = Rig::new("10.11.11").await;
        rig.fake.state().fail(fault);
        let outcome = rig.hold(2_000_000).await;
        assert_eq!(
            (outcome.state, rig.limit()),
            (State::Held, 2_000_000),
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_is_taken_but_dropped_is_never_called_held() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake.state().jellyfin.ignores = vec!["RemoteClientBitrateLimit".to_owned()];
    let outcome = rig.hold(2_000_000).await;
    assert_eq!(outcome.state, State::Pending);
    assert!(outcome.error.unwrap().contains("still has 0"));
    assert!(outcome.retry_after.is_some());
    assert!(rig.posts() > 1);
    rig.fake.state().jellyfin.ignores.clear();
    assert_eq!(rig.hold(2_000_000).await.state, State::Held);
    rig.restore().await;
    assert_eq!(rig.limit(), 0);
}

#[tokio::test]
async fn a_write_that_is_turned_down_is_not_repeated() {
    let mut rig = Rig::new("10.11.11").await;
    let fault = Fault::of(Service::Jellyfin, Does::typed(404, "text/plain", "secret"));
    rig.fake.state().fail(fault.on("POST"));
    let outcome = rig.hold(2_000_000).await;
    assert_eq!((outcome.state, rig.posts()), (State::Refused, 1));
    assert!(outcome.error.unwrap().contains("turns down"));
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for() {
    for version in VERSIONS {
        let mut rig = Rig::new(version).await;
        rig.hold(4_000_000).await;
        rig.fake.state().jellyfin.slow_start = 1;
        rig.fake.state().jellyfin.restart();
        let outcome = rig.hold(2_000_000).await;
        assert_eq!(
            (outcome.state, rig.limit()),
            (State::Held, 2_000_000),
            "{version}"
        );
    }
}

/// Holds until it comes to this; the fake takes a moment to open and to close.
async fn settle(rig: &mut Rig, state: State) {
    let settled = async {
        while rig.hold(2_000_000).await.state != state {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(10);
    tokio::time::timeout(limit, settled).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_and_tried_again_later_and_later() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake.set_reachable(Service::Jellyfin, false);
    settle(&mut rig, State::Unreachable).await;
    let first = rig.hold(2_000_000).await;
    let second = rig.hold(2_000_000).await;
    assert_eq!(first.state, State::Unreachable);
    assert!(second.retry_after > first.retry_after);
    rig.fake.set_reachable(Service::Jellyfin, true);
    settle(&mut rig, State::Held).await;
}

#[tokio::test]
async fn legacy_keys_are_not_needed_anywhere() {
    for version in VERSIONS {
        let mut rig = Rig::new(version).await;
        rig.hold(2_000_000).await;
        let state = rig.fake.state();
        for request in state.requests(Service::Jellyfin) {
            // Who it is, it says to anybody.
            let is_public = request.path.ends_with("/System/Info/Public");
            let authorization = request.header("authorization");
            assert_eq!(authorization.is_none(), is_public);
            let Some(authorization) = authorization else {
                continue;
            };
            assert!(authorization.starts_with("MediaBrowser Token=\""));
            assert!(request.header("x-emby-token").is_none());
            assert!(!request.query.to_lowercase().contains("key"));
        }
    }
    let mut rig = Rig::new("12.0.0").await;
    let url = rig.fake.jellyfin();
    rig.restart_at(&url, None, "0000");
    assert_ne!(key(&rig.fake), "0000");
    let outcome = rig.hold(2_000_000).await;
    assert_eq!(outcome.state, State::Refused);
    assert!(outcome.error.unwrap().contains("API Keys"));
}

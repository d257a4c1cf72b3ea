//! The limit comes, holds and goes.

use bwflow_helper::jellyfin::{State, Wanted};
use bwflow_tests::fake::Service;
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::jellyfin::{Session, User};
use serde_json::json;

use crate::rig::{Rig, VERSIONS};

#[tokio::test]
async fn in_every_version_the_limit_comes_holds_and_goes() {
    for version in VERSIONS {
        let mut rig = Rig::new(version).await;
        rig.fake.state().jellyfin.set_limit(0);
        let before = rig.fake.state().jellyfin.configuration.clone();
        for bitrate in [4_000_000, 2_000_000, 2_000_000, 4_000_000] {
            let outcome = rig.hold(bitrate).await;
            assert_eq!(
                (outcome.state, outcome.error.as_deref()),
                (State::Held, None),
                "{version}"
            );
            assert_eq!(outcome.version.as_deref(), Some(version));
            assert_eq!(outcome.bitrate, Some(i64::from(bitrate)));
            assert_eq!(rig.limit(), i64::from(bitrate));
        }
        // What is right already is not written again.
        assert_eq!(
            rig.fake.state().log.bitrates,
            [4_000_000, 2_000_000, 4_000_000]
        );
        let outcome = rig.restore().await;
        assert_eq!((outcome.state, outcome.bitrate), (State::None, Some(0)));
        assert!(rig.saved.is_empty());
        assert_eq!(rig.fake.state().jellyfin.configuration, before);
    }
}

#[tokio::test]
async fn a_base_path_and_a_host_behind_a_proxy_are_reached() {
    let mut rig = Rig::new("10.11.11").await;
    {
        let mut state = rig.fake.state();
        state.jellyfin.set_base_path("/media");
        state.jellyfin.hosts = vec!["jellyfin.example.com".to_owned()];
    }
    let (url, key) = (rig.fake.jellyfin(), crate::rig::key(&rig.fake));
    rig.restart_at(&url, Some("jellyfin.example.com"), &key);
    assert_eq!(rig.hold(2_000_000).await.state, State::Held);
    rig.restart_at(&url, Some("other.example.com"), &key);
    let outcome = rig.hold(2_000_000).await;
    assert_eq!(outcome.state, State::Refused);
    assert!(outcome.error.unwrap().contains("host_header"));
    let root = rig.fake.address(Service::Jellyfin);
    rig.restart_at(&root, Some("jellyfin.example.com"), &key);
    let error = rig.hold(2_000_000).await.error.unwrap();
    assert!(
        error.contains("/media/web/") && error.contains("base path"),
        "{error}"
    );
}

#[tokio::test]
async fn an_administrators_looser_limit_is_overruled_and_a_stricter_one_left() {
    let mut rig = Rig::new("10.11.11").await;
    rig.hold(2_000_000).await;
    rig.fake.state().jellyfin.set_limit(20_000_000);
    let outcome = rig.hold(2_000_000).await;
    assert_eq!((outcome.state, rig.limit()), (State::Held, 2_000_000));
    rig.fake.state().jellyfin.set_limit(1_000_000);
    let posts = rig.posts();
    let outcome = rig.hold(2_000_000).await;
    assert_eq!(
        (outcome.state, outcome.bitrate),
        (State::Foreign, Some(1_000_000))
    );
    rig.restore().await;
    assert_eq!((rig.limit(), rig.posts()), (1_000_000, posts));
    assert!(rig.saved.is_empty());
}

#[tokio::test]
async fn another_server_at_the_address_is_not_taken_for_ours() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake.state().jellyfin.set_limit(8_000_000);
    rig.hold(2_000_000).await;
    let first = rig.fake.state().jellyfin.id.clone();
    let second = "ffffffffffffffffffffffffffffffff";
    second.clone_into(&mut rig.fake.state().jellyfin.id);
    rig.restart();
    let posts = rig.posts();
    let outcome = rig.restore().await;
    assert_eq!((outcome.state, rig.posts()), (State::Refused, posts));
    assert!(!rig.saved.is_empty());
    // It is held as one never seen, and both get their own back.
    rig.fake.state().jellyfin.set_limit(0);
    rig.hold(2_000_000).await;
    rig.restore().await;
    assert_eq!(rig.limit(), 0);
    rig.fake.state().jellyfin.id = first;
    rig.fake.state().jellyfin.set_limit(2_000_000);
    let outcome = rig.restore().await;
    assert_eq!((outcome.state, rig.limit()), (State::None, 8_000_000));
    assert!(rig.saved.is_empty());
}

#[tokio::test]
async fn nothing_is_written_that_cannot_be_noted_first() {
    let mut rig = Rig::new("10.11.11").await;
    rig.disk_is_full = true;
    let outcome = rig.hold(2_000_000).await;
    assert_eq!((outcome.state, rig.posts()), (State::Pending, 0));
    assert!(outcome.retry_after.is_some() && rig.owned.is_empty());
    rig.disk_is_full = false;
    assert_eq!(rig.hold(2_000_000).await.state, State::Held);
}

#[tokio::test]
async fn dying_at_any_request_loses_nothing() {
    for version in ["10.8.13", "12.0.0"] {
        let stride = if version == "12.0.0" { 1 } else { 4 };
        for spared in (0..12).step_by(stride) {
            let mut rig = Rig::new(version).await;
            rig.fake.state().jellyfin.set_limit(9_000_000);
            // The connection goes before or after the request is carried out; then we die.
            for does in [Does::Close, Does::Lose] {
                let fault = Fault::of(Service::Jellyfin, does).after(spared);
                rig.fake.state().fail(fault);
                rig.hold(4_000_000).await;
                rig.restart();
                rig.off().await;
                rig.restart();
                rig.restore().await;
                rig.restart();
                rig.fake.state().faults.clear();
                rig.hold(2_000_000).await;
                assert_eq!(rig.limit(), 2_000_000, "{version} {spared}");
                rig.restart();
                rig.restore().await;
                let found = (rig.limit(), rig.remote_access());
                assert_eq!(found, (9_000_000, true), "{version} {spared}");
                assert!(rig.saved.is_empty(), "{version} {spared}");
            }
            assert!(!rig.fake.state().log.bitrates.contains(&0));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_changed_whole_is_not_changed() {
    for (name, value) in [
        ("IsStartupWizardCompleted", json!(null)),
        ("RemoteClientBitrateLimit", json!(null)),
        ("RemoteClientBitrateLimit", json!("0")),
    ] {
        let mut rig = Rig::new("10.11.11").await;
        let mut document = rig.fake.state().jellyfin.configuration.clone();
        document.insert(name.to_owned(), value.clone());
        if value.is_null() {
            document.remove(name);
        }
        let body = serde_json::Value::Object(document);
        let fault = Fault::of(Service::Jellyfin, Does::json(200, &body));
        rig.fake.state().fail(fault.at("/System/Configuration"));
        let outcome = rig.hold(2_000_000).await;
        assert_eq!(
            (outcome.state, rig.posts()),
            (State::Refused, 0),
            "{name} {value}"
        );
        assert!(outcome.error.unwrap().contains(name));
    }
}

#[tokio::test]
async fn an_unfinished_wizard_is_left_alone() {
    let mut rig = Rig::new("10.11.11").await;
    {
        let configuration = &mut rig.fake.state().jellyfin.configuration;
        configuration.insert("IsStartupWizardCompleted".to_owned(), json!(false));
    }
    let outcome = rig.hold(2_000_000).await;
    assert_eq!((outcome.state, rig.posts()), (State::Refused, 0));
    assert!(outcome.error.unwrap().contains("wizard"));
}

#[tokio::test]
async fn streams_above_the_limit_are_counted_but_go_on() {
    let mut rig = Rig::new("10.11.11").await;
    rig.hold(4_000_000).await;
    rig.fake.state().jellyfin.set_known_proxies(&["127.0.0.1"]);
    for (number, address) in [(1, "203.0.113.7"), (2, "192.168.1.50")] {
        let session = Session::new(number, address, 20_000_000);
        rig.fake.state().jellyfin.watch(session);
    }
    let outcome = rig.hold(2_000_000).await;
    assert_eq!(outcome.above_limit, 1);
    assert!(rig.fake.state().jellyfin.sessions[0].plays());
    assert_eq!(outcome.findings, []);
}

#[tokio::test]
async fn why_the_limit_has_no_effect_is_found() {
    let mut rig = Rig::new("10.11.11").await;
    {
        let server = &mut rig.fake.state().jellyfin;
        server.users.push(User::new("generous").limited(20_000_000));
        server.users.push(User::new("modest").limited(1_000_000));
        let mut session = Session::new(1, "203.0.113.7", 20_000_000);
        session.via = vec!["10.0.0.1".parse().unwrap(), "172.18.0.2".parse().unwrap()];
        server.watch(session);
    }
    let outcome = rig.hold(2_000_000).await;
    assert_eq!(outcome.state, State::Held);
    let found = |outcome: bwflow_helper::jellyfin::Outcome| {
        let mut found: Vec<_> = outcome
            .findings
            .into_iter()
            .map(|it| (it.kind, it.subject))
            .collect();
        found.sort();
        found
    };
    let word = |kind: &str, subject: &str| (kind.to_owned(), subject.to_owned());
    assert_eq!(
        found(outcome),
        [
            word("clients-local", "172.18.0.2"),
            word("known-proxies", ""),
            word("user-limit", "generous"),
        ]
    );
    // Mended; seen at the next change of tiers.
    rig.fake
        .state()
        .jellyfin
        .set_known_proxies(&["172.18.0.2", "10.0.0.1", "127.0.0.1"]);
    let wanted = Wanted {
        bitrate: Some(30_000_000),
        off: false,
    };
    assert_eq!(found(rig.converge(wanted).await), []);
}

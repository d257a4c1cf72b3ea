//! Remote streaming switched off and on again.

use bwflow_helper::jellyfin::State;
use bwflow_tests::fake::jellyfin::Session;
use serde_json::json;

use crate::rig::{Rig, VERSIONS};

fn watch(rig: &Rig, number: u32, address: &str, change: impl FnOnce(&mut Session)) {
    let mut session = Session::new(number, address, 8_000_000);
    change(&mut session);
    rig.fake.state().jellyfin.watch(session);
}

#[tokio::test]
async fn in_every_version_remote_streams_end_and_those_at_home_go_on() {
    for version in VERSIONS {
        let mut rig = Rig::new(version).await;
        watch(&rig, 1, "203.0.113.7", |_| {});
        watch(&rig, 2, "192.168.1.50", |_| {});
        let before = rig.fake.state().jellyfin.network.clone();
        let outcome = rig.off().await;
        assert_eq!(
            (outcome.state, outcome.error.as_deref()),
            (State::Held, None),
            "{version}"
        );
        assert_eq!(
            (outcome.remote_access, outcome.bitrate),
            (Some(false), Some(2_000_000))
        );
        assert_eq!((rig.remote_access(), rig.limit()), (false, 2_000_000));
        {
            let server = &rig.fake.state().jellyfin;
            assert!(!server.sessions[0].plays() && server.sessions[1].plays());
            let told: Vec<_> = server.messages.iter().map(|it| it.0.clone()).collect();
            assert_eq!(told, [server.sessions[0].id.clone()]);
        }
        // Held: told once, written once.
        let posts = rig.posts();
        assert_eq!(rig.off().await.state, State::Held);
        assert_eq!(rig.posts(), posts);
        assert_eq!(rig.fake.state().jellyfin.messages.len(), 1);
        let outcome = rig.hold(4_000_000).await;
        assert_eq!(
            (outcome.state, outcome.remote_access),
            (State::Held, Some(true))
        );
        assert_eq!(rig.fake.state().jellyfin.network, before, "{version}");
        rig.restore().await;
        assert!(rig.saved.is_empty());
        assert!(!rig.fake.state().log.bitrates[..2].contains(&0));
    }
}

#[tokio::test]
async fn who_would_lock_itself_out_does_not() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake.state().jellyfin.caller = Some("203.0.113.9".parse().unwrap());
    watch(&rig, 1, "203.0.113.7", |_| {});
    let outcome = rig.off().await;
    assert_eq!(outcome.state, State::Refused);
    assert!(outcome.error.unwrap().contains("LAN networks"));
    assert!(outcome.findings.iter().any(|it| it.kind == "self-remote"));
    assert!(rig.remote_access());
    // What can be done is.
    assert_eq!(rig.limit(), 2_000_000);
    assert!(!rig.fake.state().jellyfin.sessions[0].plays());
}

#[tokio::test]
async fn who_does_not_stop_is_counted() {
    let mut rig = Rig::new("10.11.11").await;
    watch(&rig, 1, "203.0.113.7", |it| it.obeys = false);
    watch(&rig, 2, "203.0.113.8", |it| it.takes_commands = false);
    watch(&rig, 3, "203.0.113.9", |_| {});
    let outcome = rig.off().await;
    assert_eq!((outcome.state, outcome.ignoring_stop), (State::Held, 2));
    assert_eq!(rig.fake.state().jellyfin.messages.len(), 2);
}

#[tokio::test]
async fn an_administrators_own_off_stays_and_their_on_is_overruled() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake
        .state()
        .jellyfin
        .set_network("EnableRemoteAccess", json!(false));
    assert_eq!(rig.off().await.state, State::Held);
    rig.hold(4_000_000).await;
    assert!(!rig.remote_access());
    rig.fake
        .state()
        .jellyfin
        .set_network("EnableRemoteAccess", json!(true));
    rig.off().await;
    rig.fake
        .state()
        .jellyfin
        .set_network("EnableRemoteAccess", json!(true));
    rig.off().await;
    assert!(!rig.remote_access());
    rig.restart();
    rig.restore().await;
    assert!(rig.remote_access() && rig.saved.is_empty());
}

#[tokio::test]
async fn a_network_document_in_another_case_is_refused() {
    use bwflow_tests::fake::Service;
    use bwflow_tests::fake::fault::{Does, Fault};
    for body in [json!({"enableRemoteAccess": true}), json!({}), json!([])] {
        let mut rig = Rig::new("10.11.11").await;
        let fault = Fault::of(Service::Jellyfin, Does::json(200, &body));
        rig.fake
            .state()
            .fail(fault.at("/System/Configuration/network"));
        let outcome = rig.off().await;
        assert_eq!(outcome.state, State::Refused, "{body}");
        assert!(rig.remote_access());
    }
}

#[tokio::test]
async fn off_happens_whatever_else_fails() {
    use bwflow_tests::fake::Service;
    use bwflow_tests::fake::fault::{Does, Fault};
    let of = |does| Fault::of(Service::Jellyfin, does);
    for (name, faults, state) in [
        (
            "nobody says who watches",
            vec![of(Does::status(500, &[])).at("/Sessions")],
            State::Held,
        ),
        (
            "no message gets through",
            vec![of(Does::Hang).at("/Message")],
            State::Held,
        ),
        (
            "no stream can be told to stop",
            vec![of(Does::Hang).at("/Playing/Stop")],
            State::Held,
        ),
        (
            "the limit is turned down",
            // The first one switches remote access off.
            vec![
                of(Does::status(400, &[]))
                    .at("/System/Configuration")
                    .on("POST")
                    .after(1),
            ],
            State::Refused,
        ),
        ("there is no limit", Vec::new(), State::Refused),
    ] {
        let mut rig = Rig::new("10.11.11").await;
        for number in 1..=20 {
            watch(&rig, number, "203.0.113.7", |_| {});
        }
        if faults.is_empty() {
            let configuration = &mut rig.fake.state().jellyfin.configuration;
            configuration.remove("RemoteClientBitrateLimit");
        }
        for fault in faults {
            rig.fake.state().fail(fault);
        }
        let began = std::time::Instant::now();
        let outcome = rig.off().await;
        assert!(!rig.remote_access(), "{name}: {outcome:?}");
        assert_eq!(outcome.state, state, "{name}: {outcome:?}");
        assert_eq!(outcome.remote_access, Some(false), "{name}: {outcome:?}");
        assert!(began.elapsed().as_secs() < 5, "{name} takes too long");
    }
}

#[tokio::test]
async fn viewers_are_told_once_however_often_it_is_tried() {
    use bwflow_tests::fake::Service;
    use bwflow_tests::fake::fault::{Does, Fault};
    for status in [400, 500] {
        let mut rig = Rig::new("10.11.11").await;
        watch(&rig, 1, "203.0.113.7", |it| it.obeys = false);
        let fault = Fault::of(Service::Jellyfin, Does::status(status, &[]));
        let fault = fault.at("/System/Configuration/network").on("POST");
        rig.fake.state().fail(fault);
        let told = |rig: &Rig| rig.fake.state().jellyfin.messages.len();
        for _ in 0..3 {
            let outcome = rig.off().await;
            assert!(outcome.error.is_some(), "{status}");
            let (url, key) = (rig.fake.jellyfin(), crate::rig::key(&rig.fake));
            rig.restart_at(&url, None, &key);
        }
        assert_eq!((told(&rig), rig.limit()), (1, 2_000_000), "{status}");
        rig.fake.state().faults.clear();
        assert_eq!(rig.off().await.state, State::Held);
        assert_eq!(told(&rig), 1);
        // The next time it is news again.
        rig.hold(4_000_000).await;
        let id = rig.fake.state().jellyfin.sessions[0].id.clone();
        rig.fake.state().jellyfin.play(&id);
        rig.off().await;
        assert_eq!(told(&rig), 2);
    }
}

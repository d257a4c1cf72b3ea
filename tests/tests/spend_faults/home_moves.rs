//! What Jellyfin's owner does: another server, another key, none at all for a while.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use bwflow_tests::fake::{Fake, Service};

use super::scene::{HOUR, Scene};

const KEY: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";

/// 60 % is spent, and Jellyfin is held to it.
async fn held() -> Scene {
    let mut scene = Scene::new().await;
    scene.set(|state| state.jellyfin.set_limit(50_000_000));
    scene.spend(90.0);
    scene.check().await;
    assert_eq!(limit(&scene), 2_000_000);
    scene
}

fn limit(scene: &Scene) -> i64 {
    scene.fake.state().jellyfin.limit()
}

#[tokio::test]
async fn another_server_at_the_address_is_held_and_gets_back_its_own() {
    let mut scene = held().await;
    scene.set(|state| {
        state.jellyfin.id = "ffffffffffffffffffffffffffffffff".into();
        state.jellyfin.set_limit(7_000_000);
    });
    scene.pass(HOUR);
    scene.check().await;
    assert_eq!(limit(&scene), 2_000_000);
    scene.switch_off();
    scene.check().await;
    assert_eq!(limit(&scene), 7_000_000, "not the other one's 50 Mbit/s");
    scene.invariants().unwrap();
    // The first one is gone for good as far as anybody knows; it comes back.
    assert!(scene.is_remembered());
    scene.set(|state| {
        state.jellyfin.id = "0123456789abcdef0123456789abcdef".into();
        state.jellyfin.set_limit(2_000_000);
    });
    scene.restart();
    scene.check().await;
    assert_eq!(limit(&scene), 50_000_000);
    assert!(!scene.is_remembered());
}

#[tokio::test]
async fn what_cannot_be_put_back_now_is_put_back_later_also_after_a_restart() {
    let mut scene = held().await;
    scene.fake.set_reachable(Service::Jellyfin, false);
    scene.switch_off();
    let mut waits = Vec::new();
    for round in 0..6 {
        if round == 3 {
            scene.restart();
        }
        scene.check().await;
        waits.push(scene.wait_seconds().unwrap());
        assert!(scene.is_remembered());
    }
    assert!(waits.iter().all(|it| (1..=3600).contains(it)), "{waits:?}");
    scene.fake.set_reachable(Service::Jellyfin, true);
    scene.check_until(|scene| limit(scene) == 50_000_000).await;
    assert!(!scene.is_remembered());
    assert_eq!(scene.wait_seconds(), None, "nothing is left to be done");
    scene.invariants().unwrap();
}

#[tokio::test]
async fn a_key_that_is_changed_on_the_disk_is_read_anew() {
    let mut scene = held().await;
    scene.set(|state| {
        state.jellyfin.keys = vec![KEY.into()];
        state.jellyfin.set_limit(8_000_000);
    });
    scene.check().await;
    assert_eq!(scene.view().jellyfin_state, "refused");
    let error = scene.view().jellyfin_error;
    fs::write(scene.key(), KEY).unwrap();
    // Without a reload, at the next try.
    let wait = scene.wait_seconds().unwrap();
    assert!(wait <= 60, "{wait} s");
    scene.pass(wait);
    scene.check().await;
    assert_eq!(limit(&scene), 2_000_000, "{error}");
    assert_eq!(scene.view().jellyfin_error, "");
    scene.invariants().unwrap();
}

#[tokio::test]
async fn a_key_that_is_not_there_yet_is_waited_for() {
    let mut scene = Scene::new().await;
    let text = fs::read_to_string(scene.key()).unwrap();
    fs::remove_file(scene.key()).unwrap();
    scene.set(|state| state.jellyfin.set_limit(50_000_000));
    scene.spend(90.0);
    scene.check().await;
    let view = scene.view();
    assert_eq!((view.tier.as_str(), limit(&scene)), ("medium", 50_000_000));
    assert_eq!(view.jellyfin_state, "refused");
    let path = scene.key().display().to_string();
    assert!(
        view.jellyfin_error.contains(&path),
        "{}",
        view.jellyfin_error
    );
    // Written with the wrong mode first.
    fs::write(scene.key(), text).unwrap();
    fs::set_permissions(scene.key(), fs::Permissions::from_mode(0o644)).unwrap();
    scene.check().await;
    assert_eq!(limit(&scene), 50_000_000);
    fs::set_permissions(scene.key(), fs::Permissions::from_mode(0o600)).unwrap();
    let wait = scene.wait_seconds().unwrap();
    assert!(wait <= 600, "{wait} s");
    scene.check().await;
    assert_eq!(limit(&scene), 2_000_000);
    assert_eq!(scene.view().jellyfin_error, "");
}

#[tokio::test]
async fn a_new_servers_key_is_not_sent_to_the_old_one() {
    let mut scene = held().await;
    let old = fs::read_to_string(scene.key()).unwrap();
    let other = Fake::start().await;
    {
        let server = &mut other.state().jellyfin;
        server.id = "ffffffffffffffffffffffffffffffff".into();
        server.keys = vec![KEY.into()];
    }
    fs::write(scene.key(), KEY).unwrap();
    let patience = std::time::Duration::from_secs(4);
    scene.redirect(Service::Jellyfin, &other.jellyfin(), patience);
    scene.check().await;
    assert_eq!(other.state().jellyfin.limit(), 2_000_000);
    let error = scene.view().jellyfin_error;
    assert!(error.contains("another API key"), "{error}");
    assert_eq!(limit(&scene), 2_000_000);
    {
        let state = scene.fake.state();
        let mut all = state.requests(Service::Jellyfin);
        assert!(!all.any(|it| format!("{it:?}").contains(KEY)));
    }
    // The key is not there any more at all.
    fs::remove_file(scene.key()).unwrap();
    scene.restart();
    scene.check().await;
    let error = scene.view().jellyfin_error;
    assert!(error.contains("no API key file"), "{error}");
    // Back again, as it was.
    fs::write(scene.key(), old).unwrap();
    fs::set_permissions(scene.key(), fs::Permissions::from_mode(0o600)).unwrap();
    scene.check().await;
    assert_eq!(limit(&scene), 50_000_000);
    scene.invariants().unwrap();
}

#[tokio::test]
async fn a_key_that_was_changed_in_place_still_puts_back() {
    let mut scene = held().await;
    scene.set(|state| state.jellyfin.keys = vec![KEY.into()]);
    fs::write(scene.key(), KEY).unwrap();
    scene.switch_off();
    scene.check().await;
    assert_eq!(limit(&scene), 50_000_000);
    assert!(!scene.is_remembered());
}

//! The spend guard follows another configuration at SIGHUP, and never a wrong one.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::scene::{PATIENCE, Scene};
use bwflow_tests::wait::wait_for;
use serde_json::json;

#[test]
fn other_tiers_are_followed_wrong_ones_are_not_and_none_put_everything_back() {
    let mut scene = Scene::new();
    let original = scene.bitrate();
    let right = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.rig.configure(&right);
    scene.rig.start_daemon();
    let log = scene.rig.directory().join("log");
    let mut helper = scene.rig.helper_command();
    helper.stderr(File::create(&log).unwrap());
    scene.rig.helper = Some(Process::start(&mut helper));
    scene.wait_for_tier(4_000_000, "80Mbit");
    let before = scene.wait_told("a tier", |it| it["jellyfin"]["state"] == "held");

    let other = right
        .replace("\"4 Mbit/s\"", "\"3 Mbit/s\"")
        .replace("\"80 Mbit/s\"", "\"40 Mbit/s\"");
    scene.reload(&other);
    scene.wait_for_tier(3_000_000, "40Mbit");
    let told = scene.wait_told("the other tier", |it| it["bitrate"] == 3_000_000);
    assert_eq!(told["bandwidth_limit"], "high");
    assert_eq!(told["tier_since"], before["tier_since"]);

    // The same tier with a bitrate of zero: to Jellyfin, that would be no limit.
    let wrong = other.replace("\"3 Mbit/s\"", "0");
    assert_ne!(wrong, other);
    scene.reload(&wrong);
    wait_for("a word on what is wrong", PATIENCE, || {
        let said = fs::read_to_string(&log).unwrap();
        said.contains("off = true").then_some(())
    });
    // It still does what it did: somebody's looser limit does not last.
    scene.fake.state().jellyfin.set_limit(8_000_000);
    let refreshed = scene.rig.ctl(&["spend", "--refresh"]);
    assert_eq!(refreshed.stderr, b"", "{refreshed:?}");
    assert_eq!(scene.bitrate(), 3_000_000);
    assert!(scene.is_capped("40Mbit"));

    scene.reload(&young("9000 GB", "8999 GB", ""));
    wait_for("everything as it was", PATIENCE, || {
        let is_shaped = scene.rig.pair.inside.is_shaped(LINK);
        (scene.bitrate() == 8_000_000 && !is_shaped).then_some(())
    });
    let state = scene.rig.state().join("spend.json");
    wait_for("nothing left to remember", PATIENCE, || {
        (!state.exists()).then_some(())
    });
    assert_eq!(scene.told(), json!({"version": 1, "enabled": false}));
    assert_ne!(original, 8_000_000);
    assert_eq!(scene.fake.state().log.misdeeds, Vec::<String>::new());
}

//! A guard that cannot write down what it has decided, and is ended then.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::Duration;

use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::request::Service;
use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::scene::{PATIENCE, Scene};
use bwflow_tests::wait::{throughout, wait_for};
use serde_json::Value;

/// Bytes a second: 20 Mbit/s.
const MEDIUM: u64 = 2_500_000;

/// The tier goes from the remembered one down to `medium`, and nobody writes that down; the cloud
/// says nothing more.
fn decide(scene: &Scene) {
    scene.reload(&scene.config(true, "half"));
    wait_for("the cap of the tier", PATIENCE, || {
        scene.is_capped("20Mbit").then_some(())
    });
    let kept = fs::read_to_string(scene.rig.state().join("spend.json")).unwrap();
    assert!(
        kept.contains("\"high\"") && !kept.contains("\"medium\""),
        "{kept}"
    );
    scene.fake.state().fail(Fault::of(Service::Arm, Does::Hang));
}

/// The helper begins anew, and has told the daemon what it knows when this returns.
fn restart(scene: &mut Scene) {
    let asked = || scene.fake.state().requests(Service::Arm).count();
    let before = asked();
    scene.rig.helper.as_mut().unwrap().kill();
    scene.rig.helper = Some(Process::start(&mut scene.rig.helper_command()));
    wait_for("a question to the cloud", PATIENCE, || {
        (asked() > before).then_some(())
    });
    told(scene);
}

/// Waits until the daemon has taken the latest figures.
fn told(scene: &Scene) {
    wait_for("the helper on the bus", PATIENCE, || {
        let taken = scene.call(&["org.bwflow1.Helper.Refresh"]);
        taken.status.success().then_some(())
    });
}

fn assert_capped(scene: &Scene) {
    let shown = scene.rig.pair.inside.qdiscs(LINK);
    assert!(scene.is_capped("20Mbit"), "{shown}");
    let kept = scene.rig.kept_grant().unwrap();
    assert_eq!(kept["peak_bytes_per_second"], MEDIUM);
}

#[test]
fn what_could_not_be_written_down_outlives_a_restart_in_the_kernel() {
    let mut scene = Scene::new();
    let config = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.rig.start(&config);
    scene.wait_for_tier(4_000_000, "80Mbit");
    wait_for("a tier that is remembered", PATIENCE, || {
        let kept = fs::read_to_string(scene.rig.state().join("spend.json")).ok()?;
        kept.contains("\"high\"").then_some(())
    });
    let state = scene.rig.state();
    chown(&state, Some(0), None).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o555)).unwrap();

    decide(&scene);
    restart(&mut scene);
    throughout(Duration::from_millis(700), |_| assert_capped(&scene));
    // Another daemon goes on from what the last one kept, and is told everything again.
    scene.rig.daemon.as_mut().unwrap().kill();
    scene.rig.start_daemon();
    told(&scene);
    throughout(Duration::from_millis(500), |_| assert_capped(&scene));

    // The cloud speaks again: what it says goes, also where it is more generous.
    scene.fake.state().faults.clear();
    scene.reload(&config);
    wait_for("the cap of the other tier", PATIENCE, || {
        scene.is_capped("80Mbit").then_some(())
    });

    // Whoever switches the guard off waits for nothing.
    decide(&scene);
    restart(&mut scene);
    assert_capped(&scene);
    scene.reload(&scene.config(false, "half"));
    wait_for("no cap at all", PATIENCE, || {
        (!scene.rig.pair.inside.is_shaped(LINK)).then_some(())
    });
}

#[test]
fn a_cap_that_was_made_more_generous_meanwhile_waits_for_no_more_than_a_question() {
    let mut scene = Scene::new();
    let config = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.rig.start(&config);
    scene.wait_for_tier(4_000_000, "80Mbit");
    wait_for("a check that is done", PATIENCE, || {
        scene.shown().contains("\"held\"").then_some(())
    });
    scene.rig.helper.as_mut().unwrap().terminate();
    scene
        .rig
        .configure(&config.replace("80 Mbit/s", "160 Mbit/s"));
    // By the timer it is not asked again for hours, but nobody asks twice within a minute either.
    let file = scene.rig.state().join("spend.json");
    let mut kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for clock in ["usec", "boottime_usec"] {
        let at = &mut kept["asking"]["at"][clock];
        *at = (at.as_i64().unwrap() - 120_000_000).into();
    }
    fs::write(&file, kept.to_string()).unwrap();
    let asked = || scene.fake.state().requests(Service::Arm).count();
    let before = asked();
    scene.rig.helper = Some(Process::start(&mut scene.rig.helper_command()));
    wait_for("the other cap", PATIENCE, || {
        scene.is_capped("160Mbit").then_some(())
    });
    assert!(asked() > before);
}

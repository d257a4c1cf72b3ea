//! The spend guard in the real helper: what it decides arrives at Jellyfin and in the kernel, stays
//! over restarts, and is taken back.

#![allow(clippy::unwrap_used)]

mod cap;
mod forgetful;
mod listen;
mod tls;

use std::time::{Duration, Instant};

use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::request::Service;
use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::scene::{PATIENCE, Scene};
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{milliseconds, throughout, wait_for};

#[test]
fn a_tier_arrives_outlives_every_restart_and_is_taken_back() {
    let mut scene = Scene::new();
    let original = scene.bitrate();
    let config = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.rig.start(&config);
    scene.wait_for_tier(4_000_000, "80Mbit");
    wait_for("what everybody may know", PATIENCE, || {
        let shown = scene.shown();
        (shown.contains("\"high\"") && shown.contains("\"held\"")).then_some(())
    });

    // Another budget, of which more is spent.
    scene.reload(&scene.config(true, "half"));
    let took = scene.wait_for_tier(2_000_000, "20Mbit");
    println!(
        "MEASURED {:.0} ms from SIGHUP to the tier in Jellyfin and in the kernel",
        milliseconds(took)
    );

    // At no moment without the cap, although the cloud does not say a word.
    scene.fake.state().fail(Fault::of(Service::Arm, Does::Hang));
    for _ in 0..3 {
        scene.rig.helper.as_mut().unwrap().kill();
        scene.rig.helper = Some(Process::start(&mut scene.rig.helper_command()));
        wait_for("the tier that held, before any answer", PATIENCE, || {
            let shown = scene.shown();
            // Jellyfin is asked at once, so that it may follow already.
            let follows = ["\"pending\"", "\"held\""]
                .iter()
                .any(|it| shown.contains(it));
            (shown.contains("\"medium\"") && follows).then_some(())
        });
        throughout(Duration::from_millis(700), |_| {
            assert!(
                scene.is_capped("20Mbit"),
                "{}",
                scene.rig.pair.inside.qdiscs(LINK)
            );
            assert_eq!(
                scene.rig.kept_grant().unwrap()["peak_bytes_per_second"],
                2_500_000
            );
        });
    }
    assert_eq!(scene.bitrate(), 2_000_000);

    scene.reload(&scene.config(false, "half"));
    let taken_back = || {
        let is_shaped = scene.rig.pair.inside.is_shaped(LINK);
        (scene.bitrate() == original && !is_shaped).then_some(())
    };
    wait_for("everything as it was", PATIENCE, taken_back);
    wait_for("nothing left to remember", PATIENCE, || {
        (!scene.rig.state().join("spend.json").exists()).then_some(())
    });
    let refused = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("switched off"), "{text}");
    assert_eq!(scene.fake.state().log.misdeeds, Vec::<String>::new());
}

#[test]
fn a_cloud_that_hangs_holds_up_neither_the_count_nor_the_end() {
    let mut scene = Scene::new();
    scene.fake.state().fail(Fault::of(Service::Arm, Does::Hang));
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    wait_for("a question to the cloud", PATIENCE, || {
        scene.fake.state().requests(Service::Arm).next().map(|_| ())
    });
    // Figures of a link at rest stand; those of a busy one are told at every look.
    let traffic = Traffic::start(&scene.rig.pair);
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let begin = Instant::now();
        scene.rig.fresh_report();
        slowest = slowest.max(begin.elapsed());
    }
    drop(traffic);
    println!(
        "MEASURED {:.0} ms to fresh figures while the cloud hangs",
        milliseconds(slowest)
    );
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");

    let begin = Instant::now();
    let status = scene.rig.helper.as_mut().unwrap().terminate();
    assert!(status.success());
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn checks_by_hand_are_paced() {
    let mut scene = Scene::new();
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    scene.wait_for_tier(2_000_000, "20Mbit");
    let asked = || scene.fake.state().requests(Service::Arm).count();
    let before = asked();
    let first = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
    assert!(first.status.success(), "{first:?}");
    let second = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("LimitsExceeded"), "{text}");
    assert_eq!(
        asked(),
        before,
        "the cloud was asked less than a minute ago"
    );
    // Somebody loosens it by hand: the next check notices.
    scene.fake.state().jellyfin.configuration["RemoteClientBitrateLimit"] = 8_000_000.into();
    let (took, ()) = wait_for("another check", PATIENCE, || {
        let again = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
        again.status.success().then_some(())
    });
    assert!(took > Duration::from_secs(7), "{took:?}");
    assert_eq!(scene.bitrate(), 2_000_000);
}

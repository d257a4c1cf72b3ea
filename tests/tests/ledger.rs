//! Every byte is charged exactly once, whatever becomes of the helper.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::process::Process;
use bwflow_tests::rig::Rig;
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::wait_for;

const KILLS: u32 = 200;

/// A small generator of pauses; the seed is printed so that a failure can be repeated.
fn pauses(seed: u64) -> impl Iterator<Item = Duration> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros(state >> 33 & 0xffff)
    })
}

#[test]
fn two_hundred_kills_lose_and_invent_not_a_byte() {
    let mut rig = Rig::new();
    rig.start(&young(
        "9000 GB",
        "8999 GB",
        "[daemon]\npoll_interval_seconds = 1\n",
    ));
    assert_eq!(rig.pair.sent(), 0, "the first anchor stands at zero");
    let traffic = Traffic::start(&rig.pair);
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut total = 0;
    for pause in pauses(seed).take(KILLS as usize) {
        std::thread::sleep(pause);
        rig.helper.as_mut().unwrap().kill();
        rig.helper = Some(Process::start(&mut rig.helper_command()));
        total += 1;
    }
    assert_eq!(total, KILLS);
    drop(traffic);
    let begin = std::time::Instant::now();
    let used = loop {
        let sent = rig.pair.sent();
        let report = rig.owner("org.bwflow1.Helper").and_then(|_| rig.report());
        let used = report.map_or(0, |report| report["used_bytes"].as_u64().unwrap());
        if used == sent {
            break used;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "{used} bytes charged, {sent} counted, off by {}",
            i128::from(used) - i128::from(sent)
        );
        std::thread::sleep(Duration::from_millis(100));
    };
    println!(
        "MEASURED {KILLS} kills of the helper under traffic: {used} bytes charged, {} counted",
        rig.pair.sent()
    );
    assert!(used > 1_000_000_000);
}

#[test]
fn bytes_sent_while_the_helper_is_away_are_charged_when_it_is_back() {
    let mut rig = Rig::new();
    rig.start(&young("900 GB", "800 GB", ""));
    assert!(rig.helper.as_mut().unwrap().terminate().success());
    let before = rig.pair.sent();
    let traffic = Traffic::start(&rig.pair);
    wait_for("traffic", Duration::from_secs(5), || {
        (rig.pair.sent() > before + 100_000_000).then_some(())
    });
    drop(traffic);
    rig.start_helper();
    wait_for("all charged", Duration::from_secs(10), || {
        let sent = rig.pair.sent();
        let used = rig.report()?["used_bytes"].as_u64()?;
        (rig.pair.sent() == sent && used >= sent - before).then_some(())
    });
}

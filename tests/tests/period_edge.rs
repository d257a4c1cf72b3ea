//! A link that has used everything up is open again when the next period begins, by the real clock.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::rig::{Rig, rate_over};
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{milliseconds, wait_for};

const LONG: Duration = Duration::from_secs(20);
const DAY: u64 = 86_400;

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A zone of our own in which a day begins at `edge` (seconds since the Unix epoch), as a directory
/// of time zones; and which day that is.
fn zone(rig: &Rig, edge: u64) -> (PathBuf, u8) {
    let behind = edge % DAY;
    let (sign, offset, local) = if behind <= DAY / 2 {
        ("-", behind, edge - behind)
    } else {
        ("", DAY - behind, edge + DAY - behind)
    };
    let directory = rig.directory().join("zones");
    fs::create_dir(&directory).unwrap();
    let source = rig.directory().join("zone");
    let (hours, minutes, seconds) = (offset / 3600, offset / 60 % 60, offset % 60);
    fs::write(
        &source,
        format!("Zone Test/Edge {sign}{hours}:{minutes:02}:{seconds:02} - EDGE\n"),
    )
    .unwrap();
    let made = Command::new("zic")
        .arg("-d")
        .arg(&directory)
        .arg(&source)
        .status();
    assert!(made.expect("zic is a part of Debian's libc-bin").success());
    for path in [&directory, &directory.join("Test")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let day = Command::new("date")
        .args(["-u", "-d", &format!("@{local}"), "+%-d"])
        .output()
        .unwrap();
    let day = String::from_utf8(day.stdout).unwrap();
    (directory, day.trim().parse().unwrap())
}

#[test]
fn a_held_link_is_open_within_seconds_of_the_edge() {
    let mut rig = Rig::new();
    let edge = now().as_secs() + 15;
    let (zones, day) = zone(&rig, edge);
    // Nothing but the edge wakes the helper.
    rig.configure(&format!(
        "[bandwidth]\nmonthly_budget = \"20 GB\"\npre_charge = \"10 GB\"\nbilling_day = {day}\n\
         timezone = \"Test/Edge\"\n[network]\ninterface = \"{LINK}\"\n\
         [daemon]\npoll_interval_seconds = 3600\n[throttle]\nmin_rate = \"64 kbit/s\"\n"
    ));
    rig.start_daemon();
    rig.helper = Some(Process::start(rig.helper_command().env("TZDIR", &zones)));
    wait_for("a published ledger", LONG, || {
        rig.report()
            .filter(|link| link["used_bytes"].is_u64())
            .map(drop)
    });
    let used = rig.ctl(&["correct", "--used", "25 GB"]);
    assert!(used.status.success(), "{used:?}");
    assert_eq!(rig.state_word(), "throttled");
    let period = rig.report().unwrap()["period"].clone();
    let _traffic = Traffic::start(&rig.pair);
    let held = rate_over(Duration::from_secs(2), || rig.pair.received());
    assert!(held < 200_000.0, "{held} bytes a second");
    assert_eq!(rig.state_word(), "throttled");
    assert!(
        now().as_secs() < edge,
        "this machine is too slow to see the edge"
    );

    let until = LONG + Duration::from_secs(edge).saturating_sub(now());
    rig.wait_state("open", until);
    assert!(now().as_secs() >= edge, "it was let go before the edge");
    let late = now().saturating_sub(Duration::from_secs(edge));
    // A stream that was held starts again as soon as TCP tries.
    let before = rig.pair.received();
    let (took, ()) = wait_for("full speed", LONG, || {
        (rig.pair.received() > before + 50_000_000).then_some(())
    });
    println!(
        "MEASURED a link held to {:.0} kbit/s was seen open {:.0} ms after its period's edge, and \
         its stream at full speed {:.0} ms later",
        held * 8.0 / 1e3,
        milliseconds(late),
        milliseconds(took)
    );
    assert!(late < Duration::from_secs(2), "{late:?}");
    let next = rig.report().unwrap();
    assert_eq!(next["period"]["start"], period["end"]);
    assert_eq!(next["correction_bytes"], 0);
}

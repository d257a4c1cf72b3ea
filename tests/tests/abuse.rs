//! What an unprivileged user can do to the daemon by sending it things: nothing.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bwflow_tests::caller::{Caller, as_user, install};
use bwflow_tests::config::young;
use bwflow_tests::polkit::Polkit;
use bwflow_tests::process::Process;
use bwflow_tests::rig::Rig;
use bwflow_tests::snapshot::Snapshot;
use bwflow_tests::wait::wait_for;
use serde_json::json;

const CALLS: u64 = 100_000;

/// `BWFLOW_SEED`, to repeat a run, or the time.
fn seed() -> u64 {
    std::env::var("BWFLOW_SEED").map_or_else(
        |_| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.unwrap().as_secs()
        },
        |text| text.parse().unwrap(),
    )
}

#[test]
fn a_hundred_thousand_wrong_calls_change_nothing() {
    let seed = seed();
    println!("seed {seed} (BWFLOW_SEED={seed} repeats it)");
    let mut rig = Rig::new();
    let log = rig.directory().join("bwflowd.log");
    rig.configure(&young("30 MB", "1 kB", ""));
    let mut command = rig.daemon_command();
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_str().unwrap().replace("debug", "info"))
        .collect();
    // A debug build lies below a directory of that name, too.
    let arguments = arguments
        .iter()
        .map(|argument| argument.replace("/info/", "/debug/"));
    command = Command::new("ip");
    rig.start_daemon_by(command.args(arguments).stderr(File::create(&log).unwrap()));
    rig.start_helper();
    rig.wait_state("throttled", Duration::from_secs(5));
    rig.helper.take().unwrap().terminate();
    wait_for("the helper's leaving", Duration::from_secs(5), || {
        rig.owner("org.bwflow1.Helper").is_none().then_some(())
    });
    let _polkit = Polkit::start(&rig, "");
    let before = Snapshot::take(&rig);
    let mut reader = Caller::new(&rig, "man");
    assert!(reader.call("GetAll", json!({})).is_ok());
    let memory = rig.daemon.as_ref().unwrap().memory();

    let begin = Instant::now();
    let mut abuser = as_user("games")
        .arg(install(&rig, "bwflow-test-abuser"))
        .args([rig.bus.address(), seed.to_string(), CALLS.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = abuser.stdin.take().unwrap();
    let mut lines = BufReader::new(abuser.stdout.take().unwrap()).lines();
    let mut abuser = Process::of(abuser);
    for phase in [
        "100 000 calls",
        "10 000 verbs that wait for a password",
        "1 000 connections",
        "bad framing",
    ] {
        let said = lines.next().unwrap().unwrap();
        let read = reader.call("GetAll", json!({}));
        assert!(read.is_ok(), "{phase}: {read:?}");
        let grown = rig.daemon.as_ref().unwrap().memory().saturating_sub(memory);
        println!("{phase}: {said}");
        println!(
            "MEASURED after {phase}: a read took {:.1} ms, bwflowd's memory has grown by {} kB",
            read.took.as_secs_f64() * 1e3,
            grown / 1024
        );
        assert!(read.took < Duration::from_millis(100), "{phase}: {read:?}");
        assert!(grown <= 2_000_000, "{phase}: {grown} bytes");
        assert_eq!(Snapshot::take(&rig), before, "{phase}");
        writeln!(input).unwrap();
    }
    abuser.wait();
    println!("MEASURED abuse in {:.0} s", begin.elapsed().as_secs_f64());
    let log = fs::read_to_string(&log).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert!(rig.daemon.as_mut().unwrap().runs());
    // And it still does what it is for.
    let mut root = Caller::new(&rig, "root");
    let answer = root.call("Throttle", json!({"number": 625_000}));
    assert!(answer.is_ok(), "{answer:?}");
}

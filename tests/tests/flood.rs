//! Somebody without any privilege who sends more than anybody can read: all others are still served.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use bwflow_tests::caller::{Caller, as_user, install};
use bwflow_tests::config::young;
use bwflow_tests::polkit::{Polkit, grants};
use bwflow_tests::process::Process;
use bwflow_tests::rig::Rig;
use bwflow_tests::verbs::{OTHER, THROTTLE, USER, quiet_rig, verbs};
use bwflow_tests::wait::milliseconds;

/// What bwflowd may need more than before, bytes, while sixty connections wait for its answers.
const GROWTH_IN_A_FLOOD: u64 = 4_000_000;
/// What either daemon may keep of messages that are too long for it, bytes.
const GROWTH: u64 = 2_000_000;

/// 60 connections of one user that call verbs until this value ends.
struct Flood {
    _input: ChildStdin,
    process: Process,
}

impl Flood {
    fn start(rig: &Rig) -> Self {
        let mut child = as_user(USER)
            .arg(install(rig, "bwflow-test-abuser"))
            .args([&rig.bus.address(), "flood"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        Self {
            _input: input,
            process: Process::of(child),
        }
    }
}

#[test]
fn a_flood_of_one_user_s_verbs_keeps_nobody_else_out() {
    let rig = quiet_rig();
    let _polkit = Polkit::start(&rig, &grants(OTHER, THROTTLE));
    let daemon = rig.daemon.as_ref().unwrap();
    let before = daemon.memory();
    let mut flood = Flood::start(&rig);
    let mut slowest = Duration::ZERO;
    let verbs = verbs();
    for round in 0..20 {
        // As bwflowctl does: a connection for each call.
        for user in ["root", OTHER] {
            let mut caller = Caller::new(&rig, user);
            // What the other may, and what root does.
            let (verb, call, _) = &verbs[round % 2];
            let answer = caller.call(verb, call.clone());
            assert!(answer.is_ok(), "{user}, round {round}: {answer:?}");
            slowest = slowest.max(answer.took);
        }
    }
    assert!(flood.process.runs(), "there was no flood");
    let grown = daemon.memory().saturating_sub(before);
    println!(
        "MEASURED under a flood of 60 connections: 20 of 20 verbs of root and of another user, \
         the slowest in {:.0} ms; bwflowd's memory has grown by {} kB",
        milliseconds(slowest),
        grown / 1024
    );
    assert!(grown <= GROWTH_IN_A_FLOOD, "{grown} bytes");
}

#[test]
fn messages_of_10_mb_leave_no_trace_in_either_daemon() {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", Duration::from_secs(5));
    let services = [
        ("org.bwflow1", "/org/bwflow1", "org.bwflow1.Manager"),
        (
            "org.bwflow1.Helper",
            "/org/bwflow1/helper",
            "org.bwflow1.Helper",
        ),
    ];
    for (name, path, interface) in services {
        let process = match name {
            "org.bwflow1" => rig.daemon.as_ref(),
            _ => rig.helper.as_ref(),
        };
        let process = process.unwrap();
        let before = process.memory();
        let abuser = as_user(USER)
            .arg(install(&rig, "bwflow-test-abuser"))
            .args([&rig.bus.address(), "long", name, path, interface])
            .status();
        assert!(abuser.unwrap().success());
        let grown = process.memory().saturating_sub(before);
        println!(
            "MEASURED {name} after 24 messages of 10 MB: {} kB more",
            grown / 1024
        );
        assert!(grown <= GROWTH, "{name}: {grown} bytes");
    }
    rig.wait_state("throttled", Duration::from_secs(5));
}

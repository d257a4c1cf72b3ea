//! `bwflowctl doctor` sees what is wrong, names its cure, and exits accordingly.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::Rig;
use bwflow_tests::wait::wait_for;
use nix::sys::signal::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(5);

/// Runs the doctor where the links are, on a state directory.
fn run(rig: &Rig, state: &Path, more: &[&str]) -> Output {
    Command::new("ip")
        .args(["netns", "exec", rig.pair.inside.name()])
        .arg(rig.directory().join("bwflowctl"))
        .args(["--address", &rig.bus.address(), "doctor"])
        .arg("--config")
        .arg(rig.config())
        .arg("--state-directory")
        .arg(state)
        .args(more)
        .output()
        .unwrap()
}

/// What it finds, and what it exits with.
fn examined(rig: &Rig) -> (Vec<Value>, i32) {
    let output = run(rig, &rig.state(), &["--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1);
    let code = output.status.code().unwrap();
    assert_eq!(document["exit_code"], code);
    (document["checks"].as_array().unwrap().clone(), code)
}

/// `grade: found` of what a check found, one a line.
fn found(checks: &[Value], check: &str) -> String {
    let lines = checks.iter().filter(|line| line["check"] == check);
    lines
        .map(|line| {
            let word = |key: &str| line[key].as_str().unwrap();
            format!("{}: {}\n", word("grade"), word("found"))
        })
        .collect()
}

fn faults(checks: &[Value]) -> Vec<&Value> {
    let lines = checks.iter();
    lines.filter(|line| line["grade"] == "fault").collect()
}

fn healthy() -> Rig {
    let mut rig = Rig::new();
    rig.start(&young("1 GB", "500 MB", ""));
    rig
}

#[test]
fn a_healthy_host_has_no_fault_and_every_check_is_made() {
    let rig = healthy();
    let (checks, code) = examined(&rig);
    assert_eq!((faults(&checks), code), (vec![], 0));
    let daemon = found(&checks, "bwflowd");
    assert!(daemon.starts_with("ok: runs (pid "), "{daemon}");
    assert_eq!(
        found(&checks, "capability"),
        "ok: bwflowd holds exactly CAP_NET_ADMIN\nok: bwflow-helper holds none\n"
    );
    assert_eq!(found(&checks, "link"), "ok: is there and up\n");
    assert!(found(&checks, "qdisc").starts_with("ok: "));
    assert_eq!(found(&checks, "counting"), "ok: no byte is counted twice\n");
    assert!(found(&checks, "ledger").starts_with("ok: "));
    for check in [
        "configuration",
        "bus",
        "bwflow-helper",
        "version",
        "polkit",
        "kernel",
        "vnstat",
        "clock",
        "disk",
    ] {
        assert_ne!(found(&checks, check), "", "{check} was not checked");
    }
    let talk = run(&rig, &rig.state(), &[]);
    let lines = String::from_utf8(talk.stdout).unwrap();
    assert!(lines.contains("ok       capability"), "{lines}");
    assert!(!lines.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn a_foreign_tree_in_the_way_is_a_fault_until_it_is_gone() {
    let mut rig = Rig::new();
    let root = format!("dev {LINK} root handle 1:");
    rig.pair
        .inside
        .tc(&format!("qdisc add {root} htb default 1"));
    let class = format!("class add dev {LINK} parent 1: classid 1:1 htb rate 1gbit");
    rig.pair.inside.tc(&class);
    rig.start(&young("1 GB", "500 MB", ""));
    rig.wait_state("blocked", SOON);
    let (checks, code) = examined(&rig);
    let qdisc = found(&checks, "qdisc");
    assert_eq!(qdisc, "fault: htb 1: is in the way: nothing is limited\n");
    assert_eq!(code, 1);
    let cure = faults(&checks)[0]["cure"].as_str().unwrap();
    let cure = cure.split("if nobody needs it: ").nth(1).unwrap();
    rig.pair.inside.tc(cure.strip_prefix("tc ").unwrap());
    rig.wait_state("armed", SOON);
    let (checks, code) = examined(&rig);
    assert_eq!(code, 0);
    assert_eq!(
        found(&checks, "qdisc"),
        "ok: bwflow's own limit is in force\n"
    );
    assert!(found(&checks, "kernel").starts_with("ok: holds a link now\n"));
}

#[test]
fn without_the_daemon_its_limit_is_an_orphan_and_the_exit_code_is_3() {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", SOON);
    rig.kill_both();
    let (checks, code) = examined(&rig);
    assert_eq!(code, 3);
    let qdisc = found(&checks, "qdisc");
    assert!(qdisc.contains("no bwflowd looks after it"), "{qdisc}");
    assert_eq!(faults(&checks).len(), 2, "both services: {checks:?}");
    rig.bus.stop();
    let (checks, code) = examined(&rig);
    assert_eq!(code, 3);
    assert!(found(&checks, "bus").starts_with("fault: "));
}

#[test]
fn a_helper_that_is_gone_or_hangs_is_a_fault() {
    let mut rig = healthy();
    let helper = rig.helper.as_mut().unwrap();
    helper.signal(Signal::SIGSTOP);
    let (checks, code) = examined(&rig);
    assert_eq!(code, 1);
    let told = found(&checks, "bwflow-helper");
    assert!(
        told.ends_with("fault: is on the bus, but does not answer\n"),
        "{told}"
    );
    let helper = rig.helper.as_mut().unwrap();
    helper.signal(Signal::SIGKILL);
    helper.wait();
    let (checks, code) = examined(&rig);
    assert_eq!(code, 3);
    assert!(found(&checks, "bwflow-helper").starts_with("fault: is not on the bus"));
}

#[test]
fn whoever_is_silent_is_named_and_nobody_is_waited_for_long() {
    let rig = healthy();
    rig.daemon.as_ref().unwrap().signal(Signal::SIGSTOP);
    let begin = Instant::now();
    let (checks, code) = examined(&rig);
    assert_eq!(code, 1);
    let told = found(&checks, "bwflowd");
    assert!(
        told.ends_with("fault: is on the bus, but does not answer\n"),
        "{told}"
    );
    assert!(
        !found(&checks, "bwflow-helper").contains("fault"),
        "{checks:?}"
    );
    rig.bus.signal(Signal::SIGSTOP);
    let (checks, code) = examined(&rig);
    assert_eq!(code, 3);
    assert!(found(&checks, "bus").starts_with("fault: "));
    rig.bus.signal(Signal::SIGCONT);
    rig.daemon.as_ref().unwrap().signal(Signal::SIGCONT);
    println!(
        "MEASURED two examinations of silent services took {:?}",
        begin.elapsed()
    );
    assert!(begin.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_configuration_that_is_wrong_or_not_yet_in_force_is_told() {
    let rig = healthy();
    rig.configure(&young("2 GB", "500 MB", ""));
    let (checks, code) = examined(&rig);
    assert_eq!(code, 0, "a warning is no fault");
    let told = found(&checks, "configuration");
    assert!(
        told.contains("warning: the services still go by a budget of 1 GB\n"),
        "{told}"
    );
    rig.helper.as_ref().unwrap().signal(Signal::SIGHUP);
    wait_for("the new budget", SOON, || {
        (rig.report()?["budget_bytes"] == 2_000_000_000_u64).then_some(())
    });
    let (checks, _) = examined(&rig);
    assert!(!found(&checks, "configuration").contains("warning"));
    rig.configure("[bandwidth]\nmonthly_budget_gb = -1\n");
    let (checks, code) = examined(&rig);
    assert_eq!(code, 2);
    assert!(found(&checks, "configuration").contains("cannot be used: "));
    fs::remove_file(rig.config()).unwrap();
    let (checks, code) = examined(&rig);
    assert_eq!(code, 2);
    assert_eq!(faults(&checks)[0]["cure"], "sudo bwflowctl init");
}

#[test]
fn a_bridge_and_its_port_with_a_budget_each_are_counted_twice() {
    let mut rig = Rig::new();
    rig.pair.inside.ip("link add br0 type bridge");
    rig.pair.inside.ip(&format!("link set {LINK} master br0"));
    rig.pair.inside.ip("link set br0 up");
    let both = format!("\n[[link]]\ninterface = \"{LINK}\"\n\n[[link]]\ninterface = \"br0\"\n");
    let text = young("1 GB", "500 MB", "");
    let (text, _) = text.split_once("[network]").unwrap();
    rig.start(&format!("{text}{both}"));
    let (checks, code) = examined(&rig);
    assert_eq!(code, 0);
    let counting = found(&checks, "counting");
    assert!(
        counting.contains("warning: is a port of br0, which has a budget, too: counted twice"),
        "{counting}"
    );
}

#[test]
fn a_link_that_is_away_is_told() {
    let rig = healthy();
    rig.pair.disconnect();
    rig.wait_state("absent", SOON);
    let (checks, code) = examined(&rig);
    assert_eq!(code, 0);
    assert_eq!(
        found(&checks, "link"),
        "warning: there is no interface of this name now\n"
    );
}

/// A small file system that is gone with this value.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=5m", "tmpfs"])
            .arg(directory.path())
            .status();
        assert!(mount.unwrap().success());
        Self(directory)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_a_fault() {
    let rig = healthy();
    let disk = Disk::new();
    fs::write(disk.0.path().join("much"), vec![1; 2 << 20]).unwrap();
    let output = run(&rig, disk.0.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.contains("FAULT    disk"), "{lines}");
    assert!(lines.contains("cure: make room"), "{lines}");
}

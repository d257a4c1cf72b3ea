//! What nobody may see is nowhere to be seen.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::fake::jellyfin::Session;
use bwflow_tests::process::{Process, program};
use bwflow_tests::wait::wait_for;
use nix::sys::signal::Signal;

use crate::rig::Rig;

#[tokio::test]
async fn no_secret_is_in_outcomes_records_or_debug_output() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake
        .state()
        .jellyfin
        .watch(Session::new(1, "203.0.113.7", 8_000_000));
    let mut seen = String::new();
    for _ in 0..2 {
        let outcome = rig.off().await;
        seen += &format!("{outcome:?} {:?} {:?}", rig.jellyfin, rig.owned);
        seen += &serde_json::to_string(&rig.saved).unwrap();
        let url = rig.fake.jellyfin();
        rig.restart_at(&url, None, "wrongkey");
    }
    let secrets = rig.fake.state().secrets();
    assert!(secrets.len() > 1);
    for secret in secrets.iter().map(String::as_str).chain(["wrongkey"]) {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    assert!(seen.contains("remote_access"));
}

/// Starts a program that may dump as much core as it likes, into this directory.
fn start(directory: &Path, arguments: &[&OsStr]) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"]);
    Process::start(command.args(arguments).current_dir(directory))
}

/// Whether it dumps core when it is aborted.
fn dumps(mut process: Process, directory: &Path) -> bool {
    process.signal(Signal::SIGABRT);
    let status = process.wait();
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32));
    let names = fs::read_dir(directory).unwrap();
    let mut names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    status.core_dumped() || names.any(|it| it.starts_with("core"))
}

#[test]
fn the_helper_leaves_no_core_behind() {
    let limit = Duration::from_secs(10);
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    // This one does, so the kernel is set to write them.
    let other = start(directory, &["sleep".as_ref(), "60".as_ref()]);
    wait_for("sleep", limit, || {
        let name = fs::read_to_string(format!("/proc/{}/comm", other.id())).ok()?;
        (name == "sleep\n").then_some(())
    });
    assert!(dumps(other, directory), "this kernel writes no core files");

    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    // A bus that never says a word: who has connected waits.
    let bus = UnixListener::bind(directory.join("bus")).unwrap();
    bus.set_nonblocking(true).unwrap();
    let config = directory.join("config.toml");
    fs::write(&config, young("1 GB", "1 MB", "")).unwrap();
    let address = format!("unix:path={}", directory.join("bus").display());
    let helper = program("bwflow-helper");
    let arguments = [
        helper.as_os_str(),
        "--config".as_ref(),
        config.as_os_str(),
        "--state-directory".as_ref(),
        directory.as_os_str(),
        "--address".as_ref(),
        address.as_ref(),
    ];
    let helper = start(directory, &arguments);
    let _connection = wait_for("the helper on the bus", limit, || bus.accept().ok());
    assert!(!dumps(helper, directory));
}

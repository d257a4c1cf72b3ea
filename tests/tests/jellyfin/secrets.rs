//! What nobody may see is nowhere to be seen.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bwflow_helper::jellyfin::State;
use bwflow_tests::config::young;
use bwflow_tests::fake::Service;
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::jellyfin::{Session, User};
use bwflow_tests::process::{Process, program};
use bwflow_tests::wait::wait_for;
use nix::sys::signal::Signal;
use serde_json::json;

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

#[tokio::test]
async fn a_key_that_is_sent_back_is_not_passed_on() {
    let key = "f00dfeedf00dfeedf00dfeedf00dfeed";
    let hidden: String = key.chars().flat_map(|it| ['\u{200b}', it]).collect();
    let media = format!("text/x-padding-of-22/{key}");
    let info = |version: &str, id: &str| {
        let told = json!({"Id": id, "Version": version, "StartupWizardCompleted": true});
        Does::json(200, &told)
    };
    let id = "0123456789abcdef0123456789abcdef";
    let loud = key.to_ascii_uppercase();
    for does in [
        Does::redirect(&format!("/{key}")),
        Does::redirect(&format!(
            "http://padding-of-a-long-name.example.com/it-is-not-so-short/web/{key}/"
        )),
        Does::redirect(&format!("/{loud}")),
        Does::typed(200, key, "{}"),
        Does::typed(200, &media, "{}"),
        info(key, id),
        info(&hidden, id),
        info(&format!("10.11.11-and-so-on-{key}"), id),
        info("10.11.11", key),
    ] {
        let mut rig = Rig::new("10.11.11").await;
        assert_eq!(crate::rig::key(&rig.fake), key);
        let fault = Fault::of(Service::Jellyfin, does.clone());
        rig.fake.state().fail(fault.at("/System/Info/Public"));
        let outcome = rig.hold(2_000_000).await;
        let kept = serde_json::to_string(&rig.saved).unwrap();
        let seen = format!("{outcome:?} {kept}").to_ascii_lowercase();
        // Not half of it either.
        assert!(!seen.contains(&key[..9]), "{does:?}: {seen}");
    }
}

#[tokio::test]
async fn names_of_users_obey_nobody() {
    let mut rig = Rig::new("10.11.11").await;
    let key = crate::rig::key(&rig.fake);
    {
        let mut state = rig.fake.state();
        let (start, end) = key.split_at(7);
        let names = [
            "a\u{202e}b\u{2066}c\u{200b}d\u{1b}[31m",
            &format!("{start}\u{200b}{end}"),
        ];
        for name in names {
            let mut user = User::new("new").limited(8_000_000);
            name.clone_into(&mut user.name);
            state.jellyfin.users.push(user);
        }
    }
    let outcome = rig.hold(2_000_000).await;
    let limits = outcome.findings.iter().filter(|it| it.kind == "user-limit");
    let subjects: Vec<_> = limits.map(|it| &*it.subject).collect();
    assert_eq!(subjects, ["abcd[31m", "[key]"]);
}

#[tokio::test]
async fn who_it_is_is_asked_without_the_key() {
    let mut rig = Rig::new("10.11.11").await;
    rig.hold(2_000_000).await;
    let url = rig.fake.jellyfin();
    // Another server, where nothing of ours is: it is not to see the key.
    rig.fake.state().jellyfin.id = "ffffffffffffffffffffffffffffffff".to_owned();
    let count = |rig: &Rig| rig.fake.state().requests(Service::Jellyfin).count();
    let before = count(&rig);
    let key = crate::rig::key(&rig.fake);
    rig.restart_at(&url, None, &key);
    let outcome = rig.restore().await;
    assert_eq!(outcome.state, State::Refused);
    assert_eq!(count(&rig), before + 1);
    let state = rig.fake.state();
    for request in state.requests(Service::Jellyfin) {
        let is_public = request.path.ends_with("/System/Info/Public");
        assert_ne!(request.header("authorization").is_some(), is_public);
    }
}

/// The most memory that this process ever had, KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn long_answers_fill_no_memory() {
    let items = "{\"\":0},".repeat(490_000);
    let list = format!("[{items}0]");
    let members: String = (0..300_000).map(|it| format!("\"{it}\":0,")).collect();
    let object = format!("{{{members}\"a\":0}}");
    for (path, body) in [
        ("/Sessions", &list),
        ("/Users", &list),
        ("/System/Info/Public", &object),
        ("/System/Endpoint", &object),
        ("/System/Configuration", &object),
    ] {
        let mut rig = Rig::new("10.11.11").await;
        let does = Does::typed(200, "application/json", body);
        rig.fake
            .state()
            .fail(Fault::of(Service::Jellyfin, does).at(path));
        let (began, before) = (std::time::Instant::now(), peak());
        rig.off().await;
        let grown = peak() - before;
        assert!(grown < 60 << 10, "{path}: {grown} KiB more");
        assert!(began.elapsed().as_secs() < 10, "{path} takes too long");
    }
}

//! Asking for a password on a terminal: a pseudo-terminal of our own, a stand-in for `pkttyagent`.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::cell::Cell;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use common::{Answer, PrivateBus, Running, change, daemon, ended, until};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::geteuid;
use tempfile::TempDir;
use tokio::process::Command;
use zbus::Connection;

/// Turns the echo off as whoever asks for a password does, ignores Ctrl-C, and leaves the
/// terminal as it is then: what we find afterwards was mended by bwflowctl.
const AGENT: &str = r#"#!/bin/bash
log=@LOG@
trap '' INT
trap 'echo terminated >>"$log"; exit 0' TERM
stty -echo </dev/tty || echo "no terminal" >>"$log"
echo "$1${3:+ $3}" >>"$log"
echo ready >>"$log"
eval "exec $2>&-"
while :; do read -r -t 1 <> <(:); done
"#;

/// A terminal with somebody before it who is not root.
struct Desk {
    bus: PrivateBus,
    daemon: Connection,
    master: File,
    slave: File,
    directory: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_bwflowctl"), path.join("bwflowctl")).unwrap();
        let bus = PrivateBus::start_for_all(path).await;
        let daemon = daemon(&bus, &[("wan0", None)]).await;
        let pty = openpty(None, None).unwrap();
        let desk = Self {
            bus,
            daemon,
            master: pty.master.into(),
            slave: pty.slave.into(),
            directory,
        };
        fs::write(desk.log(), "").unwrap();
        fs::set_permissions(desk.log(), Permissions::from_mode(0o666)).unwrap();
        desk.put_agent(&AGENT.replace("@LOG@", desk.log().to_str().unwrap()));
        let log = desk.log();
        change(&desk.daemon, "wan0", |link| link.log = Some(log)).await;
        desk
    }

    fn put_agent(&self, script: &str) {
        let path = self.directory.path().join("pkttyagent");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    fn attributes(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    /// The program in a session of its own on the terminal, with `path` to look for programs in.
    fn start(&self, words: &[&str], path: &str, as_root: bool) -> Running {
        let mut command = Command::new("setsid");
        command.arg("--ctty");
        if geteuid().is_root() && !as_root {
            command.args([
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ]);
        }
        command
            .args(["env", &format!("PATH={path}")])
            .arg(self.directory.path().join("bwflowctl"))
            .args(words)
            .args(["--address", &self.bus.address])
            .stdin(Stdio::from(self.slave.try_clone().unwrap()))
            .kill_on_drop(true);
        Running::start(command)
    }

    fn start_here(&self, words: &[&str]) -> Running {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.directory.path().display());
        self.start(words, &path, false)
    }

    /// How the daemon was called, once it was.
    async fn call(&self) -> String {
        let call = Cell::new(String::new());
        let is_called = |link: &common::Link| {
            let mut calls = link.calls.lock().unwrap();
            let is_there = !calls.is_empty();
            if is_there {
                call.set(calls.remove(0));
            }
            is_there
        };
        until(&self.daemon, "wan0", is_called).await;
        call.into_inner()
    }
}

/// What the agent is called with: it stands back for a desktop's own only where logind knows the
/// user, since polkit passes over such agents for all others.
fn called_with() -> &'static str {
    let user = if geteuid().is_root() {
        65534
    } else {
        geteuid().as_raw()
    };
    if Path::new(&format!("/run/systemd/users/{user}")).exists() {
        "--notify-fd --fallback"
    } else {
        "--notify-fd"
    }
}

fn life() -> String {
    format!("{}\nready\nterminated\n", called_with())
}

#[tokio::test]
async fn the_agent_is_ready_before_the_daemon_is_asked_and_ended_after() {
    let desk = Desk::new().await;
    let before = desk.attributes();
    let mut asking = desk.start_here(&["throttle", "5Mbit"]);
    let code = ended(&mut asking.process).await.code();
    assert_eq!(
        desk.call().await,
        format!("Throttle 625000 ask after \"{}\\nready\\n\"", called_with())
    );
    assert_eq!(code, Some(0), "{}", asking.talk().await);
    assert_eq!(desk.logged(), life());
    assert!(desk.attributes() == before, "the terminal was changed");
}

#[tokio::test]
async fn ctrl_c_ends_the_agent_and_mends_the_terminal() {
    let mut desk = Desk::new().await;
    let before = desk.attributes();
    assert!(before.local_flags.contains(LocalFlags::ECHO));
    change(&desk.daemon, "wan0", |link| link.is_silent = true).await;
    let mut asking = desk.start_here(&["override"]);
    assert!(desk.call().await.starts_with("Override ask"));
    assert!(!desk.attributes().local_flags.contains(LocalFlags::ECHO));
    // Half a password, which must not become a command of the shell.
    desk.master.write_all(b"secr\x03").unwrap();
    assert_eq!(
        asking.talk().await,
        "bwflowctl: broken off before bwflowd had answered; `bwflowctl status` tells what holds"
    );
    assert_eq!(ended(&mut asking.process).await.code(), Some(1));
    assert_eq!(desk.logged(), life());
    assert!(desk.attributes() == before, "the terminal was changed");
}

#[tokio::test]
async fn a_refusal_ends_the_agent_too() {
    let desk = Desk::new().await;
    let before = desk.attributes();
    let refusal = Answer("org.freedesktop.DBus.Error.AccessDenied", "wrong password");
    change(&desk.daemon, "wan0", |link| link.refusal = Some(refusal)).await;
    let mut asking = desk.start_here(&["throttle", "--clear"]);
    assert!(asking.talk().await.contains("not allowed: wrong password"));
    assert_eq!(ended(&mut asking.process).await.code(), Some(4));
    assert_eq!(desk.logged(), life());
    assert!(desk.attributes() == before, "the terminal was changed");
}

#[tokio::test]
async fn without_an_agent_it_goes_on() {
    let desk = Desk::new().await;
    // One that cannot reach polkit.
    desk.put_agent("#!/bin/sh\nexit 127\n");
    let mut asking = desk.start_here(&["override"]);
    assert_eq!(ended(&mut asking.process).await.code(), Some(0));
    assert!(desk.call().await.starts_with("Override ask"));
    // None at all.
    let mut asking = desk.start(&["override"], "/nonexistent", false);
    assert_eq!(ended(&mut asking.process).await.code(), Some(0));
    assert!(desk.call().await.starts_with("Override ask"));
}

#[tokio::test]
async fn nobody_is_asked_who_does_not_want_to_be_or_need_not_be() {
    let desk = Desk::new().await;
    let mut asking = desk.start_here(&["override", "--no-ask-password"]);
    assert_eq!(ended(&mut asking.process).await.code(), Some(0));
    assert_eq!(desk.call().await, "Override after \"\"");
    if geteuid().is_root() {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", desk.directory.path().display());
        let mut asking = desk.start(&["override"], &path, true);
        assert_eq!(ended(&mut asking.process).await.code(), Some(0));
        assert_eq!(desk.call().await, "Override ask after \"\"");
    }
}

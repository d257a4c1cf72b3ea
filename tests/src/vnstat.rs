//! A real vnStat in the namespace of a rig, with a configuration and a database of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::{Process, run};
use crate::rig::Rig;
use crate::wait::wait_for;

/// A vnStat daemon, when started.
#[derive(Debug)]
pub struct Vnstat {
    config: PathBuf,
    directory: PathBuf,
    namespace: String,
    daemon: Option<Process>,
}

impl Vnstat {
    /// For the rig's namespace; `settings` are more lines of its configuration.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn new(rig: &Rig, settings: &str) -> Self {
        let directory = rig.directory().join("vnstat");
        let text = format!(
            "DatabaseDir \"{}\"\nUpdateInterval 2\nPollInterval 2\n{settings}\n",
            directory.display()
        );
        fs::write(rig.vnstat_config(), text).unwrap();
        Self {
            config: rig.vnstat_config(),
            directory,
            namespace: rig.pair.inside.name().to_owned(),
            daemon: None,
        }
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.directory.join("vnstat.db")
    }

    /// Starts the daemon, with a clock that is off by some seconds, and waits until it knows `link`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(&mut self, link: &str, clock: i64) {
        if !self.database().exists() {
            // While it makes its database it does not wait for readers: who asks then, ends it.
            let made = self.program(clock).arg("--initdb").output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        let mut command = self.program(clock);
        command.args(["--nodaemon", "--alwaysadd"]);
        let daemon = Process::start(&mut command);
        let status = format!("/proc/{}/status", daemon.id());
        self.daemon = Some(daemon);
        wait_for("vnStat knows the link", Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(20));
            // A SIGHUP that comes before it is waited for would end it.
            let text = fs::read_to_string(&status).unwrap_or_default();
            let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            let hangup = u64::from_str_radix(caught.trim(), 16).unwrap() & 1;
            (hangup == 1 && self.column(link, "txtotal").is_some()).then_some(())
        });
    }

    /// The daemon's program in its namespace, with a clock that is off by some seconds.
    fn program(&self, clock: i64) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]);
        if clock != 0 {
            // The program `faketime` would stay between us and the daemon.
            let library = run("faketime", &["-f", "+0s", "sh", "-c", "echo $LD_PRELOAD"]);
            command.env("LD_PRELOAD", library.trim());
            command.env("FAKETIME", format!("{clock:+}s"));
        }
        command.args(["vnstatd", "--config"]).arg(&self.config);
        command
    }

    /// Has it write what it knows, as it does by itself every five minutes.
    pub fn flush(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.signal(Signal::SIGHUP);
        }
    }

    /// Has it write until its counter of `link` stands at `sent` bytes or more.
    ///
    /// # Panics
    /// When that takes longer than 30 s.
    pub fn catch_up(&self, link: &str, sent: u64) {
        wait_for("vnStat has caught up", Duration::from_secs(30), || {
            // It must have read the counters once, every two seconds, before it is to write: else
            // it writes what it knew, dated now. Nobody but itself sees when it reads them.
            std::thread::sleep(Duration::from_millis(2500));
            self.flush();
            std::thread::sleep(Duration::from_millis(200));
            (self.column(link, "txcounter")? >= sent).then_some(())
        });
    }

    /// Ends the daemon, which writes once more.
    pub fn stop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            daemon.terminate();
        }
        self.daemon = None;
    }

    /// Bytes it has accounted to `link`, sent, in all: what `vnstat --json` says.
    ///
    /// # Panics
    /// When vnStat prints something else.
    pub fn total(&self, link: &str) -> Option<u64> {
        let output = Command::new("vnstat")
            .args(["--json", "--config"])
            .arg(&self.config)
            .output()
            .unwrap();
        if !output.status.success() {
            return None;
        }
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let interfaces = json["interfaces"].as_array().unwrap();
        let found = interfaces.iter().find(|entry| entry["name"] == link)?;
        found["traffic"]["total"]["tx"].as_u64()
    }

    fn column(&self, link: &str, name: &str) -> Option<u64> {
        let question = format!("SELECT {name} FROM interface WHERE name = '{link}'");
        query(&self.database(), &question)?.parse().ok()
    }
}

/// Runs statements on a database by `sqlite3`; nothing if it fails or has no answer.
pub fn query(database: &Path, statement: &str) -> Option<String> {
    if !database.exists() {
        return None;
    }
    let output = Command::new("sqlite3")
        .args(["-cmd", ".timeout 2000"])
        .arg(database)
        .arg(statement)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// Runs statements on a database.
///
/// # Panics
/// When SQLite refuses them.
pub fn execute(database: &Path, statements: &str) {
    run("sqlite3", &[database.to_str().unwrap(), statements]);
}

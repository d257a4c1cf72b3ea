//! The whole of bwflow in a namespace of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::User;
use serde_json::Value;
use tempfile::TempDir;

use crate::bus::Bus;
use crate::net::{LINK, Pair};
use crate::process::{Process, program};
use crate::wait::wait_for;

/// The user bwflowd becomes in tests: one that every Debian has.
pub const DAEMON_USER: &str = "daemon";
/// The user the helper runs as in tests.
pub const HELPER_USER: &str = "nobody";

/// Two namespaces, a bus, and directories; programs are started one by one.
#[derive(Debug)]
pub struct Rig {
    /// bwflowd, when started. Ends before what it works on.
    pub daemon: Option<Process>,
    /// bwflow-helper, when started.
    pub helper: Option<Process>,
    /// The bus.
    pub bus: Bus,
    /// The link under test.
    pub pair: Pair,
    helper_user: String,
    directory: TempDir,
}

impl Rig {
    /// For tests of the whole: the helper's user is [`HELPER_USER`].
    pub fn new() -> Self {
        Self::with_helper_user(HELPER_USER)
    }

    /// For tests in which the test itself plays the helper, as root.
    pub fn for_daemon() -> Self {
        Self::with_helper_user("root")
    }

    fn with_helper_user(helper_user: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("bwflow-test-")
            .tempdir()
            .unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let state = directory.path().join("state");
        fs::create_dir(&state).unwrap();
        let user = User::from_name(HELPER_USER).unwrap().unwrap();
        chown(&state, Some(user.uid.as_raw()), None).unwrap();
        // The helper's user may not be able to enter the checkout.
        for name in ["bwflow-helper", "bwflowctl"] {
            fs::copy(program(name), directory.path().join(name)).unwrap();
        }
        let vnstat = directory.path().join("vnstat");
        fs::create_dir(&vnstat).unwrap();
        let settings = format!("DatabaseDir \"{}\"\n", vnstat.display());
        fs::write(directory.path().join("vnstat.conf"), settings).unwrap();
        let bus = Bus::start(directory.path(), DAEMON_USER, helper_user);
        let pair = Pair::new();
        let helper_user = helper_user.to_owned();
        Self {
            daemon: None,
            helper: None,
            bus,
            pair,
            helper_user,
            directory,
        }
    }

    /// Where the test's files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The helper's state directory.
    pub fn state(&self) -> PathBuf {
        self.directory().join("state")
    }

    /// bwflowd's state directory.
    pub fn daemon_state(&self) -> PathBuf {
        self.directory().join("daemon-state")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory().join("config.toml")
    }

    /// Writes the configuration.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn configure(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    fn inside(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.pair.inside.name()]);
        command
    }

    /// The command that starts bwflowd, to which arguments can be added.
    pub fn daemon_command(&self) -> Command {
        let mut command = self.inside();
        command
            .arg(program("bwflowd"))
            .args([
                "--user",
                DAEMON_USER,
                "--helper-user",
                &self.helper_user,
                "--log-level",
                "debug",
            ])
            .args(["--address", &self.bus.address()])
            .arg("--runtime-directory")
            .arg(self.directory().join("run"))
            .arg("--state-directory")
            .arg(self.daemon_state());
        command
    }

    /// Starts bwflowd and waits until it is on the bus.
    pub fn start_daemon(&mut self) {
        let mut command = self.daemon_command();
        self.start_daemon_by(&mut command);
    }

    /// Starts bwflowd by a command made from [`Self::daemon_command`].
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_daemon_by(&mut self, command: &mut Command) {
        let before = self.owner("org.bwflow1");
        self.daemon = Some(Process::start(command));
        wait_for("bwflowd on the bus", Duration::from_secs(10), || {
            let owner = self.owner("org.bwflow1");
            (owner.is_some() && owner != before).then_some(())
        });
    }

    /// The unique name of who owns a name on the bus.
    pub fn owner(&self, name: &str) -> Option<String> {
        let output = Command::new("dbus-send")
            .arg(format!("--bus={}", self.bus.address()))
            .args([
                "--print-reply=literal",
                "--dest=org.freedesktop.DBus",
                "/org/freedesktop/DBus",
            ])
            .arg("org.freedesktop.DBus.GetNameOwner")
            .arg(format!("string:{name}"))
            .stderr(Stdio::null())
            .output()
            .unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// The command that starts the helper without any capability.
    pub fn helper_command(&self) -> Command {
        let mut command = self.inside();
        command
            .args([
                "setpriv",
                "--reuid",
                HELPER_USER,
                "--regid",
                "nogroup",
                "--clear-groups",
            ])
            .args(["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"])
            .arg(self.directory().join("bwflow-helper"))
            .arg("--config")
            .arg(self.config())
            .arg("--state-directory")
            .arg(self.state())
            .arg("--vnstat-config")
            .arg(self.vnstat_config())
            .args(["--address", &self.bus.address()]);
        command
    }

    /// vnStat's configuration; its database is in the directory `vnstat` beside it.
    pub fn vnstat_config(&self) -> PathBuf {
        self.directory().join("vnstat.conf")
    }

    /// Starts the helper and waits until the link has a ledger on the bus.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_helper(&mut self) {
        self.helper = Some(Process::start(&mut self.helper_command()));
        wait_for("a published ledger", Duration::from_secs(10), || {
            self.owner("org.bwflow1.Helper")?;
            self.report()
                .filter(|link| link["used_bytes"].is_u64())
                .map(|_| ())
        });
    }

    /// Starts both with a configuration.
    pub fn start(&mut self, config: &str) {
        self.configure(config);
        self.start_daemon();
        self.start_helper();
    }

    /// Runs bwflowctl.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn ctl(&self, arguments: &[&str]) -> Output {
        Command::new(self.directory().join("bwflowctl"))
            .args(["--address", &self.bus.address()])
            .args(arguments)
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
    }

    /// What `bwflowctl report --json` says of the link under test.
    pub fn report(&self) -> Option<Value> {
        let output = self.ctl(&["report", "--json"]);
        if !output.status.success() {
            return None;
        }
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let links = report["links"].as_array().unwrap();
        links.iter().find(|link| link["interface"] == LINK).cloned()
    }

    /// As [`Self::report`], of a look at the counters that began after the call.
    ///
    /// # Panics
    /// When there is none.
    pub fn fresh_report(&self) -> Value {
        let before = self.report().unwrap()["updated_at"].clone();
        let (_, report) = wait_for("fresh figures", Duration::from_secs(10), || {
            self.report()
                .filter(|report| report["updated_at"] != before)
        });
        report
    }

    /// Has the helper look at the counters, whoever takes the figures.
    ///
    /// # Panics
    /// When the call cannot be made.
    pub fn look(&self) {
        let output = Command::new("dbus-send")
            .arg(format!("--bus={}", self.bus.address()))
            .args(["--print-reply", "--dest=org.bwflow1.Helper"])
            .args(["/org/bwflow1/helper", "org.bwflow1.Helper.Refresh"])
            .output();
        output.unwrap();
    }

    /// What the daemon keeps of the link's grant.
    pub fn kept_grant(&self) -> Option<Value> {
        let text = fs::read(self.directory().join("run/grants.json")).ok()?;
        let kept: Value = serde_json::from_slice(&text).ok()?;
        kept["links"].get(LINK).cloned()
    }

    /// The link's state by `bwflowctl status --json`.
    ///
    /// # Panics
    /// When bwflowctl fails.
    pub fn state_word(&self) -> String {
        let output = self.ctl(&["status", "--json"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let links = status["links"].as_array().unwrap();
        let link = links.iter().find(|link| link["interface"] == LINK);
        link.map_or_else(
            || "unknown".to_owned(),
            |link| link["state"].as_str().unwrap().to_owned(),
        )
    }

    /// Waits until the link is in this state.
    pub fn wait_state(&self, state: &str, limit: Duration) -> Duration {
        let (took, ()) = wait_for(state, limit, || (self.state_word() == state).then_some(()));
        took
    }

    /// Ends both programs by SIGKILL at once.
    pub fn kill_both(&mut self) {
        for process in [&mut self.daemon, &mut self.helper].into_iter().flatten() {
            process.signal(nix::sys::signal::Signal::SIGKILL);
        }
        for process in [&mut self.daemon, &mut self.helper].into_iter().flatten() {
            process.wait();
        }
    }
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes per second over `time`, by `count`.
pub fn rate_over(time: Duration, count: impl Fn() -> u64) -> f64 {
    let (begin, before) = (Instant::now(), count());
    std::thread::sleep(time);
    let after = count();
    (after - before) as f64 / begin.elapsed().as_secs_f64()
}

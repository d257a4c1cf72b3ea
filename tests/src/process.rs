//! Programs that end with the test.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::wait_for;

/// A running program.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ended: bool,
}

impl Process {
    /// Starts it, with its standard error on the test's.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self::of(child)
    }

    /// Takes over one that was started already.
    pub fn of(child: Child) -> Self {
        Self {
            child,
            ended: false,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory that is its own and in use, bytes.
    ///
    /// # Panics
    /// When it has ended.
    pub fn memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("Anonymous:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(
            Pid::from_raw(i32::try_from(self.child.id()).unwrap()),
            signal,
        );
    }

    /// Ends it by SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }

    /// Ends it by SIGTERM and waits until it is gone.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes longer than 20 s.
    pub fn wait(&mut self) -> ExitStatus {
        if self.ended {
            return ExitStatus::from_raw(0);
        }
        let (_, status) = wait_for("the end of a program", Duration::from_secs(20), || {
            self.child.try_wait().unwrap()
        });
        self.ended = true;
        status
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs a command and returns its standard output.
///
/// # Panics
/// When it fails.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The path of one of the project's programs, built beside the running test.
///
/// # Panics
/// When it has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap().join(name);
    assert!(
        built.exists(),
        "{} is missing: run cargo build --workspace first",
        built.display()
    );
    built
}

/// The root of the source tree.
///
/// # Panics
/// Never in a checkout.
pub fn source() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

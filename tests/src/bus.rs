//! A private system bus under the shipped policy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use zbus::Connection;
use zbus::connection::Builder;

use crate::process::{Process, source};
use crate::wait::wait_for;

/// What lets polkitd onto the bus, and tells root's part of it from others'.
const POLKIT: &str = "  <include ignore_missing=\"yes\">\
     /usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>\n</busconfig>";

/// A `dbus-daemon` that ends with this value.
#[derive(Debug)]
pub struct Bus {
    directory: PathBuf,
    process: Process,
}

impl Bus {
    /// Starts one whose policy is the shipped one with the two users replaced.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(directory: &Path, daemon_user: &str, helper_user: &str) -> Self {
        let policy = fs::read_to_string(source().join("dbus/org.bwflow1.conf"))
            .unwrap()
            .replace("user=\"bwflowd\"", &format!("user=\"{daemon_user}\""))
            .replace("user=\"bwflow-helper\"", &format!("user=\"{helper_user}\""));
        let policy_file = directory.join("org.bwflow1.conf");
        fs::write(&policy_file, policy).unwrap();
        let config = fs::read_to_string(source().join("contrib/lib/bus.conf.in"))
            .unwrap()
            .replace("@SOCKET@", directory.join("bus").to_str().unwrap())
            .replace("@POLICY@", policy_file.to_str().unwrap())
            .replace("</busconfig>", POLKIT);
        fs::write(directory.join("bus.conf"), config).unwrap();
        Self {
            process: Self::spawn(directory),
            directory: directory.to_owned(),
        }
    }

    fn spawn(directory: &Path) -> Process {
        let socket = directory.join("bus");
        let _ = fs::remove_file(&socket);
        let process = Process::start(
            Command::new("dbus-daemon")
                .arg(format!(
                    "--config-file={}",
                    directory.join("bus.conf").display()
                ))
                .args(["--nofork", "--nopidfile"])
                .stderr(Stdio::null()),
        );
        wait_for("the bus", Duration::from_secs(5), || {
            socket.exists().then_some(())
        });
        process
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        self.process.signal(signal);
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process.kill();
    }

    /// Ends it and starts it anew at the same address.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = Self::spawn(&self.directory);
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.directory.join("bus").display())
    }

    /// A connection as the test's own user.
    ///
    /// # Panics
    /// When the bus refuses.
    pub async fn connect(&self) -> Connection {
        Builder::address(self.address().as_str())
            .build()
            .await
            .unwrap()
    }
}

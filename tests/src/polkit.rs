//! A real polkitd on the private bus, and a real agent on a terminal that types passwords.
//!
//! All of it sees an `/etc`, a `/run` and a `/usr/share/polkit-1` of its own, in which there is an
//! administrator with a known password. Nothing of the host's changes.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::pty::openpty;
use nix::unistd::{User, mkfifo};

use crate::process::{Process, source};
use crate::rig::{DAEMON_USER, Rig};
use crate::wait::wait_for;

/// The administrator whose password polkit asks for.
const ADMINISTRATOR: &str = "bwadmin";
/// That user's password.
pub const PASSWORD: &str = "a right password";
/// `openssl passwd -6 -salt bwflow 'a right password'`.
const HASH: &str = "$6$bwflow$6WFk.TuYkWph.jkMg1X3cP2S33XM083zEm29Edf1DmlK7U7.yyA5k43z5gj0NOT9VmW4qNA9ZpXah.HNOaFbe0";

/// A rule by which `user` may do what `action` names without a password.
pub fn grants(user: &str, action: &str) -> String {
    format!(
        "polkit.addRule(function(action, subject) {{\n  \
         if (action.id == \"{action}\" && subject.user == \"{user}\") \
         return polkit.Result.YES;\n}});\n"
    )
}

/// polkitd and the mount namespace it lives in; both end with this value.
#[derive(Debug)]
pub struct Polkit {
    daemon: Option<Process>,
    /// Keeps the namespace.
    holder: Process,
    directory: PathBuf,
    owner: String,
}

/// Runs inside the new namespace with the directory and the bus's socket as arguments.
const PREPARE: &str = r#"
set -e
for file in passwd shadow group; do mount --bind "$1/etc/$file" "/etc/$file"; done
mount --bind "$1/etc/pam.d" /etc/pam.d
mkdir -p /etc/polkit-1/rules.d /usr/share/polkit-1/rules.d
mount --bind "$1/actions" /usr/share/polkit-1/actions
mount --bind "$1/rules" /etc/polkit-1/rules.d
mount --bind "$1/none" /usr/share/polkit-1/rules.d
mount -t tmpfs -o mode=0755 tmpfs /run
# polkit's agent helper is setuid and speaks to the system bus whatever its environment says.
mkdir /run/dbus
ln -s "$2" /run/dbus/system_bus_socket
: > "$1/ready"
exec cat "$1/end"
"#;

impl Polkit {
    /// Starts it on the rig's bus with the shipped policy and these rules.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(rig: &Rig, rules: &str) -> Self {
        let directory = rig.directory().join("polkit");
        for name in ["etc/pam.d", "actions", "rules", "none"] {
            let path = directory.join(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        write_users(&directory.join("etc"));
        let policy = fs::read_to_string(source().join("polkit/org.bwflow1.policy"))
            .unwrap()
            .replace("unix-user:bwflowd", &format!("unix-user:{DAEMON_USER}"));
        fs::write(directory.join("actions/org.bwflow1.policy"), policy).unwrap();
        mkfifo(&directory.join("end"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let holder = Process::start(
            Command::new("unshare")
                .args(["--mount", "--propagation", "private", "--"])
                .args(["sh", "-c", PREPARE, "prepare"])
                .arg(&directory)
                .arg(rig.directory().join("bus")),
        );
        let ready = directory.join("ready");
        wait_for("polkit's namespace", Duration::from_secs(5), || {
            ready.exists().then_some(())
        });
        let mut polkit = Self {
            daemon: None,
            holder,
            directory,
            owner: String::new(),
        };
        polkit.set_rules(rules);
        polkit.restart(rig);
        polkit
    }

    /// Writes the rules anew; they count from the next [`Self::restart`] on.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn set_rules(&self, rules: &str) {
        let administrator = format!(
            "polkit.addAdminRule(function() {{ return [\"unix-user:{ADMINISTRATOR}\"]; }});\n"
        );
        fs::write(
            self.directory.join("rules/50-test.rules"),
            format!("{administrator}{rules}"),
        )
        .unwrap();
    }

    /// Ends polkitd by SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill();
        }
    }

    /// Starts polkitd, after its end if it runs.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self, rig: &Rig) {
        self.kill();
        self.daemon = Some(Process::start(
            self.command("/usr/lib/polkit-1/polkitd")
                .arg("--replace")
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        ));
        let before = std::mem::take(&mut self.owner);
        let (_, owner) = wait_for("polkitd on the bus", Duration::from_secs(10), || {
            rig.owner("org.freedesktop.PolicyKit1")
                .filter(|owner| *owner != before)
        });
        self.owner = owner;
    }

    /// A command that runs in polkit's namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .args(["--", program])
            .env_remove("DBUS_SYSTEM_BUS_ADDRESS");
        command
    }

    /// Starts the agent of the polkit project for one process of a user, on a terminal.
    ///
    /// # Panics
    /// When it does not register with polkitd.
    pub fn agent(&self, user: &str, process: u32) -> Agent {
        let terminal = openpty(None, None).unwrap();
        let registered = self.directory.join(format!("agent-{process}"));
        let _ = fs::remove_file(&registered);
        mkfifo(&registered, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let id = User::from_name(user).unwrap().unwrap().uid.as_raw();
        chown(&registered, Some(id), None).unwrap();
        let child = self
            .command("setpriv")
            .args(["--reuid", user, "--regid", "nogroup", "--clear-groups"])
            .args(["setsid", "--ctty", "sh", "-c"])
            // It closes the descriptor once it has registered.
            .arg(r#"exec pkttyagent --process "$1" --notify-fd 9 9>"$2""#)
            .args(["agent", &process.to_string()])
            .arg(&registered)
            .stdin(terminal.slave.try_clone().unwrap())
            .stdout(terminal.slave.try_clone().unwrap())
            .stderr(terminal.slave)
            .spawn()
            .unwrap();
        // Opening waits for the writer, the end of the file for its closing.
        File::open(&registered)
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let keyboard = File::from(terminal.master);
        let (mut screen, sink) = (keyboard.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            loop {
                match screen.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                        sink.lock().unwrap().push_str(&text);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // EIO: the last process has closed the terminal.
                    Err(_) => return,
                }
            }
        });
        Agent {
            process: Process::of(child),
            keyboard,
            shown,
        }
    }
}

fn write_users(directory: &std::path::Path) {
    let with = |name: &str, line: &str| {
        let host = fs::read_to_string(format!("/etc/{name}")).unwrap();
        let path = directory.join(name);
        fs::write(&path, format!("{}\n{line}\n", host.trim_end())).unwrap();
        let mode = if name == "shadow" { 0o600 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    with(
        "passwd",
        &format!("{ADMINISTRATOR}:x:64000:64000::/nonexistent:/bin/sh"),
    );
    with("group", &format!("{ADMINISTRATOR}:x:64000:"));
    with(
        "shadow",
        &format!("{ADMINISTRATOR}:{HASH}:19000:0:99999:7:::"),
    );
    // The check of the password alone, whatever the host has added to its own.
    fs::write(
        directory.join("pam.d/polkit-1"),
        "auth required pam_unix.so\naccount required pam_unix.so\n\
         session required pam_permit.so\n",
    )
    .unwrap();
}

/// `pkttyagent` on a terminal of its own.
#[derive(Debug)]
pub struct Agent {
    process: Process,
    keyboard: File,
    shown: Arc<Mutex<String>>,
}

impl Agent {
    /// What it has shown so far.
    ///
    /// # Panics
    /// Never.
    pub fn screen(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until it asks for the `count`th password.
    pub fn wait_question(&self, count: usize) {
        wait_for("the agent's question", Duration::from_secs(10), || {
            (self.screen().matches("Password: ").count() >= count).then_some(())
        });
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, line: &str) {
        self.keyboard.write_all(line.as_bytes()).unwrap();
        self.keyboard.write_all(b"\n").unwrap();
    }

    /// Presses control and C.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn interrupts(&mut self) {
        self.keyboard.write_all(&[3]).unwrap();
        self.process.wait();
    }
}

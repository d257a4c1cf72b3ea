//! Somebody on this terminal who can be asked for a password.
//!
//! polkit has whoever sits at the caller's terminal asked by an authentication agent. A desktop
//! has one; on a plain terminal there is none unless the caller starts `pkttyagent`.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, geteuid, getpgrp, getuid, pipe, tcgetpgrp};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PROGRAM: &str = "pkttyagent";

/// One that cannot reach polkit may never get ready; then the daemon's answer tells why.
const READY: Duration = Duration::from_secs(10);
const GOODBYE: Duration = Duration::from_secs(5);

/// A running `pkttyagent`.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Child,
    /// Closed by the agent once it is registered.
    notice: Option<Receiver>,
    terminal: File,
    /// How the terminal was before somebody could turn its echo off.
    attributes: Option<Termios>,
}

impl Agent {
    /// Starts one if there is a person who needs one: not for root, who is not asked, and not
    /// without a terminal. None that cannot be started is no failure: a graphical one may answer.
    pub(crate) fn start() -> Option<Self> {
        if geteuid().is_root() || !io::stdin().is_terminal() {
            return None;
        }
        let terminal = File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok()?;
        let attributes = tcgetattr(&terminal).ok();
        let (notice, theirs) = notice()?;
        let process = Command::new(PROGRAM)
            .arg("--notify-fd")
            .arg(theirs.as_raw_fd().to_string())
            .args(has_session().then_some("--fallback"))
            // Data may be on its way through our standard output.
            .stdout(Stdio::from(terminal.try_clone().ok()?))
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        Some(Self {
            process,
            notice: Some(notice),
            terminal,
            attributes,
        })
    }

    /// Waits until it can be asked, or until it is clear that it cannot.
    pub(crate) async fn ready(&mut self) {
        if let Some(mut notice) = self.notice.take() {
            // Nothing is written; the end of it is the notice.
            let _ = timeout(READY, notice.read_to_end(&mut Vec::new())).await;
        }
    }

    /// Ends it and leaves the terminal as it was.
    pub(crate) async fn end(mut self) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        if timeout(GOODBYE, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
        self.restore();
    }

    fn restore(&self) {
        let (Some(before), Ok(now)) = (&self.attributes, tcgetattr(&self.terminal)) else {
            return;
        };
        // A job in the background would be stopped for touching the terminal.
        let is_in_front = tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp());
        if *before != now && is_in_front {
            // What was typed without an echo was meant for the agent, not for the shell.
            let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, before);
        }
    }
}

/// Whether logind knows this user, whose desktop may have an agent of its own to go before ours. For
/// whom it does not know, polkit passes over agents that stand back.
fn has_session() -> bool {
    Path::new("/run/systemd/users")
        .join(getuid().to_string())
        .exists()
}

/// A pipe of which the agent inherits the end that is written to, and only that one.
fn notice() -> Option<(Receiver, OwnedFd)> {
    let (ours, theirs) = pipe().ok()?;
    fcntl(ours.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some((Receiver::from_owned_fd(ours).ok()?, theirs))
}

//! Ctrl-C: at a question it ends everything at once; while something is being written, only after that.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// As a shell tells of a program that was interrupted.
pub(super) const EXIT: i32 = 130;

/// How the terminal was before somebody who asks for a password could turn its echo off.
static TERMINAL: Mutex<Option<Termios>> = Mutex::new(None);

/// What has been changed so far; whoever holds it is not ended.
static CHANGED: Mutex<bool> = Mutex::new(false);

/// Held while something is changed; true once something was.
pub(super) fn hold() -> MutexGuard<'static, bool> {
    CHANGED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the program in order when a person or a terminal wants that, from now on.
///
/// # Errors
/// When signals cannot be listened to.
pub(super) fn watch() -> Result<(), Failure> {
    let cannot = |error: io::Error| Failure::Failed(format!("cannot listen for Ctrl-C: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot)?;
    let [mut interrupt, mut terminate, mut hang_up] = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind).map_err(cannot);
        [
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]
    };
    if io::stdin().is_terminal()
        && let Ok(terminal) = tcgetattr(io::stdin())
    {
        *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(terminal);
    }
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        let has_changed = *hold();
        end(Some(if has_changed {
            "stopped; what was said to be written is"
        } else {
            NOTHING_CHANGED
        }));
    });
    Ok(())
}

/// What is said when it ends before anything was done.
pub(super) const NOTHING_CHANGED: &str = "stopped; nothing was changed";

/// Ends the program as one that was interrupted, with its terminal in order.
pub(super) fn end(words: Option<&str>) -> ! {
    let terminal = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(terminal) = terminal.as_ref() {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, terminal);
    }
    if let Some(words) = words {
        let _ = writeln!(io::stderr(), "\nbwflowctl: {words}");
    }
    std::process::exit(EXIT)
}

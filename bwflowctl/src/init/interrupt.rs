//! Ctrl-C: at a question it ends everything at once; while something is being written, only after that.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// As a shell tells of a program that was interrupted.
const EXIT: i32 = 130;

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
    // Whoever asks for a password may be ended with us and leave its echo off.
    let terminal = io::stdin()
        .is_terminal()
        .then(|| tcgetattr(io::stdin()).ok())
        .flatten();
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        end(terminal.as_ref());
    });
    Ok(())
}

fn end(terminal: Option<&Termios>) -> ! {
    let has_changed = *hold();
    if let Some(terminal) = terminal {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, terminal);
    }
    let said = if has_changed {
        "stopped; what was said to be written is"
    } else {
        "stopped; nothing was changed"
    };
    let _ = writeln!(io::stderr(), "\nbwflowctl: {said}");
    std::process::exit(EXIT)
}

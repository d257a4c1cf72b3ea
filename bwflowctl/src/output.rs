//! Standard output and standard error.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

use crate::failure::Failure;

/// Where data and talk go, and whether they may have colours.
#[derive(Debug)]
pub(crate) struct Output {
    is_terminal: bool,
    may_color: bool,
}

impl Output {
    pub(crate) fn new(no_color: bool) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            is_terminal: io::stdout().is_terminal(),
            may_color: !no_color && !is_set("NO_COLOR") && !is_dumb,
        }
    }

    /// Whether data is shown to a person who sees it change.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether data may have colours.
    pub(crate) const fn has_color(&self) -> bool {
        self.is_terminal && self.may_color
    }

    /// Whether talk may have colours.
    pub(crate) fn talk_has_color(&self) -> bool {
        self.may_color && io::stderr().is_terminal()
    }

    /// Writes data and flushes it: a reader of a pipe must not wait for a full buffer.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// Replaces what the terminal shows.
    pub(crate) fn redraw(&mut self, text: &str) -> Result<(), Failure> {
        self.data(&format!("\x1b[H\x1b[2J{text}"))
    }

    /// Says something to the person; nobody listening is no failure.
    pub(crate) fn talk(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Waits until the reader of our pipe has gone; forever where that cannot be told.
    pub(crate) async fn closed() {
        // A file cannot be polled and has no reader to lose. The pipe is left in its blocking
        // mode, which it may share with other programs; it is only listened to, never written.
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        if let Ok(stdout) = stdout.map(File::from).and_then(Sender::from_file_unchecked)
            && stdout.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

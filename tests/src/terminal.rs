//! A person at a terminal: keys are pressed in tmux, and what stands on its screen is read.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::process::run;
use crate::wait::wait_for;

static NEXT: AtomicU32 = AtomicU32::new(0);

const SOON: Duration = Duration::from_secs(20);

/// What a script that runs in a [`Terminal`] prints before the status of what it ran.
const END: &str = "ended with ";

/// A terminal and the program in it; both end with this value.
#[derive(Debug)]
pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Starts the shell commands on a new terminal, large enough that nothing scrolls off it.
    ///
    /// # Panics
    /// When tmux does not start.
    pub fn start(directory: &Path, commands: &str) -> Self {
        // One server each: the last one may not be gone yet.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let terminal = Self {
            socket: directory.join(format!("tmux-{number}")),
        };
        // It outlives Ctrl-C, and sees what has happened to the settings of the terminal.
        let script = format!(
            "trap : INT; before=$(stty -g); {commands}\ncode=$?; \
             [ \"$before\" = \"$(stty -g)\" ] || echo the terminal was left in disorder; \
             echo \"{END}$code\"; exec cat"
        );
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "180",
            "-y",
            "300",
            "sh",
            "-c",
            &script,
        ]);
        terminal
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the text stands on the screen, and returns the screen.
    ///
    /// # Panics
    /// When it does not come.
    pub fn sees(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Waits for the `count`th line on which an answer is wanted.
    ///
    /// # Panics
    /// When it does not come.
    pub fn asked(&self, count: usize) -> String {
        self.wait(&format!("question {count}"), |screen| {
            questions(screen) >= count
        })
    }

    /// Types a line.
    pub fn types(&self, line: &str) {
        if !line.is_empty() {
            self.tmux(&["send-keys", "-l", line]);
        }
        self.presses("Enter");
    }

    /// Presses a key, named as tmux names it.
    pub fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits for the end of the program and returns the exit status that a shell sees.
    ///
    /// # Panics
    /// When it does not end, or leaves the terminal's settings changed.
    pub fn ended(&self) -> i32 {
        let screen = self.sees(END);
        assert!(!screen.contains("left in disorder"), "{screen}");
        let status = screen.split(END).nth(1).unwrap().lines().next().unwrap();
        status.trim().parse().unwrap()
    }

    fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let begin = std::time::Instant::now();
        let (_, screen) = wait_for(what, SOON + Duration::from_secs(5), || {
            last = self.screen();
            assert!(
                begin.elapsed() < SOON,
                "waited for {what}; the screen:\n{}",
                last.trim()
            );
            holds(&last).then(|| last.clone())
        });
        screen
    }

    fn tmux(&self, words: &[&str]) -> String {
        let socket = self.socket.to_str().unwrap();
        run("tmux", &[&["-S", socket], words].concat())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut tmux = Command::new("tmux");
        let _ = tmux.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

/// Lines on which an answer is wanted or was given: `[default] > answer`, or `> answer`.
fn questions(screen: &str) -> usize {
    let is_question =
        |line: &&str| line.starts_with('>') || (line.starts_with('[') && line.contains("] >"));
    screen.lines().filter(is_question).count()
}

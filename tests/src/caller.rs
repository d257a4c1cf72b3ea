//! A user on the bus who calls verbs, as a process of its own.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::net::LINK;
use crate::process::{Process, program};
use crate::rig::Rig;
use crate::wait::wait_for;

const PROGRAM: &str = "bwflow-test-caller";

/// One connection of one user. It leaves the bus with this value.
#[derive(Debug)]
pub struct Caller {
    process: Process,
    input: ChildStdin,
    heard: Arc<Mutex<Heard>>,
    next: u64,
}

/// What a caller has received.
#[derive(Debug, Default)]
struct Heard {
    answers: HashMap<u64, Answer>,
    /// Questions that polkit has put to it as an agent.
    begun: usize,
    /// Questions that polkit has taken back.
    cancelled: usize,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The error's name without `org.freedesktop.DBus.Error.`; empty when it was done.
    pub error: String,
    /// The error's sentence.
    pub text: String,
    /// From sending to receiving.
    pub took: Duration,
}

impl Answer {
    /// Whether the call was carried out.
    pub fn is_ok(&self) -> bool {
        self.error.is_empty()
    }
}

/// A command that runs as a user without groups.
pub fn as_user(user: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups"]);
    command
}

/// Copies one of the test's own programs to where every user can run it.
///
/// # Panics
/// When the disk is full.
pub fn install(rig: &Rig, name: &str) -> std::path::PathBuf {
    let path = rig.directory().join(name);
    if !path.exists() {
        fs::copy(program(name), &path).unwrap();
    }
    path
}

impl Caller {
    /// Connects as a user.
    ///
    /// # Panics
    /// When the bus refuses.
    pub fn new(rig: &Rig, user: &str) -> Self {
        let mut child = as_user(user)
            .arg(install(rig, PROGRAM))
            .arg(rig.bus.address())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let sink = heard.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap();
                let mut heard = sink.lock().unwrap();
                match line["agent"].as_str() {
                    Some("begun") => heard.begun += 1,
                    Some(_) => heard.cancelled += 1,
                    None => {}
                }
                let Some(id) = line["id"].as_u64() else {
                    continue;
                };
                let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
                let error = text("error");
                let error = error
                    .strip_prefix("org.freedesktop.DBus.Error.")
                    .unwrap_or(&error);
                let answer = Answer {
                    error: error.to_owned(),
                    text: text("text"),
                    took: Duration::from_secs_f64(line["ms"].as_f64().unwrap() / 1e3),
                };
                heard.answers.insert(id, answer);
            }
        });
        Self {
            process: Process::of(child),
            input,
            heard,
            next: 0,
        }
    }

    /// The process's id, which is what polkit registers agents for.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a call, whose answer can be waited for by the number returned. What a call does not
    /// give is left out: `number`, `options`, `interactive`.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn send(&mut self, method: &str, mut call: Value) -> u64 {
        self.next += 1;
        call["id"] = json!(self.next);
        call["method"] = json!(method);
        call["link"] = json!(LINK);
        writeln!(self.input, "{call}").unwrap();
        self.next
    }

    /// The answer to a call, if it has come.
    ///
    /// # Panics
    /// Never.
    pub fn answer(&self, id: u64) -> Option<Answer> {
        self.heard.lock().unwrap().answers.get(&id).cloned()
    }

    /// Waits for the answer to a call.
    pub fn wait(&self, id: u64) -> Answer {
        let (_, answer) = wait_for("an answer", Duration::from_secs(20), || self.answer(id));
        answer
    }

    /// Calls and waits.
    pub fn call(&mut self, method: &str, call: Value) -> Answer {
        let id = self.send(method, call);
        self.wait(id)
    }

    /// Becomes polkit's agent for a process of the same user, and never answers it.
    ///
    /// # Panics
    /// When polkit refuses.
    pub fn hang_for(&mut self, process: u32) {
        let done = self.call("Hang", json!({"number": process}));
        assert!(done.is_ok(), "{done:?}");
    }

    /// Waits until polkit has put this many questions to it.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_questions(&self, count: usize) {
        wait_for("polkit's questions", Duration::from_secs(10), || {
            (self.heard.lock().unwrap().begun >= count).then_some(())
        });
    }

    /// Waits until polkit has taken this many questions back.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_cancelled(&self, count: usize) {
        wait_for("the end of questions", Duration::from_secs(10), || {
            (self.heard.lock().unwrap().cancelled >= count).then_some(())
        });
    }

    /// Leaves the bus at once.
    pub fn leave(mut self) {
        self.process.kill();
    }
}

//! Prism, the validator of a third party, as a proxy before the fake: what it finds wrong with requests
//! and answers, by a published API document.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, run, source};
use crate::wait::wait_for;

/// A running validator; ends when dropped.
#[derive(Debug)]
pub struct Prism {
    _process: Process,
    files: TempDir,
    port: u16,
}

impl Prism {
    /// Starts one before the service at `upstream`. Several start side by side: it takes seconds
    /// until it [`is ready`](Self::ready).
    ///
    /// # Panics
    /// When it cannot be installed or started.
    pub fn start(document: &Value, upstream: &str) -> Self {
        let install = source().join("tests/prism/install");
        let program = run(install.to_str().unwrap(), &[]);
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("document.json");
        fs::write(&path, document.to_string()).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let output = File::create(files.path().join("output")).unwrap();
        // By its own path, so that it ends by its process id.
        let process = Process::start(
            Command::new("node")
                .args([program.trim(), "proxy", "--host", "127.0.0.1"])
                .args(["--port", &port.to_string()])
                .args([path.to_str().unwrap(), upstream])
                .env_remove("NODE_ENV")
                .stdout(Stdio::from(output.try_clone().unwrap()))
                .stderr(Stdio::from(output)),
        );
        Self {
            _process: process,
            files,
            port,
        }
    }

    /// Waits until it answers.
    ///
    /// # Panics
    /// When that takes longer than two minutes.
    pub fn ready(&self) {
        wait_for("Prism", Duration::from_secs(120), || {
            let said = self.output();
            assert!(!said.contains("EADDRINUSE"), "{said}");
            said.contains("Prism is listening").then_some(())
        });
    }

    /// Its base address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn output(&self) -> String {
        fs::read_to_string(self.files.path().join("output")).unwrap_or_default()
    }

    /// How many requests it has seen.
    pub fn seen(&self) -> usize {
        self.output().matches("Request received").count()
    }

    /// What it has found wrong, e.g. `request.body Request body must have required property 'type'`.
    pub fn violations(&self) -> Vec<String> {
        let said = self.output();
        let found = said.lines().filter_map(|it| it.split_once("Violation: "));
        found.map(|(_, what)| what.trim().to_owned()).collect()
    }
}

//! The program `vnstat`, asked where its database cannot be read.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// How long it may take. It waits for a locked database itself, which is not what it is asked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What ten interfaces with all that vnStat keeps by default take is about 1 MB, bytes.
const MOST: u64 = 8 << 20;

/// How to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, looked for in `PATH`, or its path.
    pub name: OsString,
    /// Its configuration, if that is not its own.
    pub config: Option<PathBuf>,
}

impl Program {
    /// What `vnstat --json` prints; nothing if there is no such program or it fails.
    pub async fn json(&self) -> Option<String> {
        let mut command = Command::new(&self.name);
        command.arg("--json").env("LC_ALL", "C").kill_on_drop(true);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null()).stderr(Stdio::null());
        // A group of its own: what it started ends with it.
        let mut child = command
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .ok()?;
        let answer = tokio::time::timeout(PATIENCE, answer(&mut child)).await;
        // While it was not waited for, its id is nobody else's.
        if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            let _ = child.wait().await;
        }
        answer.ok().flatten()
    }
}

/// What it prints until it ends; nothing if that is too much, or if it fails.
async fn answer(child: &mut Child) -> Option<String> {
    let mut text = Vec::new();
    let output = child.stdout.take()?;
    output.take(MOST + 1).read_to_end(&mut text).await.ok()?;
    if u64::try_from(text.len()).map_or(true, |length| length > MOST) {
        tracing::warn!("vnstat --json prints more than {MOST} B, which is not read");
        return None;
    }
    // Which status says what is another matter in every version.
    child.wait().await.ok()?.success().then_some(())?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    async fn answer(script: &str) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vnstat");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = Some(PathBuf::from("/the/config"));
        let name = path.into_os_string();
        Program { name, config }.json().await
    }

    #[tokio::test]
    async fn it_is_asked_for_json_and_failures_are_no_answer() {
        let asked = answer("echo \"$@\"").await;
        assert_eq!(asked.unwrap(), "--json --config /the/config\n");
        assert_eq!(answer("echo text; exit 1").await, None);
        assert_eq!(answer("exec sleep 60").await, None);
        let absent = Program {
            name: "bwflow-no-such-program".into(),
            config: None,
        };
        assert_eq!(absent.json().await, None);
    }

    #[tokio::test]
    async fn what_it_prints_is_bounded() {
        let most = usize::try_from(MOST).unwrap();
        let exact = answer(&format!("head -c {most} /dev/zero")).await;
        assert_eq!(exact.unwrap().len(), most);
        assert_eq!(
            answer(&format!("head -c {} /dev/zero", most + 1)).await,
            None
        );
    }

    #[tokio::test]
    async fn what_it_started_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let note = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; sleep 600", note.display());
        assert_eq!(answer(&script).await, None);
        let pid = std::fs::read_to_string(&note).unwrap();
        let status = format!("/proc/{}/status", pid.trim());
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        // Its parent is gone; whoever inherits it may be slow to bury it.
        while std::fs::read_to_string(&status).is_ok_and(|it| !it.contains("State:\tZ")) {
            assert!(std::time::Instant::now() < deadline, "it lives on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

//! The program `vnstat`, asked where its database cannot be read.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long it may take. It waits for a locked database itself, which is not what it is asked for.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .ok()?
            .ok()?;
        // Which status says what is another matter in every version.
        output.status.success().then_some(())?;
        String::from_utf8(output.stdout).ok()
    }
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
}

//! What is done in the end, all of it with the rights that are needed: the file is written, vnStat mended,
//! the services started. Everything is checked and looked at again; nothing is taken on trust.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use bwflow_proto::config::{Config, load_bytes};
use bwflow_proto::vnstat;

use super::mend::{Host, Mend, mend};
use super::replace::replace;
use crate::check_config::file;
use crate::failure::Failure;
use crate::host::interfaces;
use crate::host::service::{has_systemd, is_active};
use crate::host::speed::speed_mbit;
use crate::host::timezone::timezone;
use crate::host::vnstat::Vnstat;
use crate::output::Output;

pub(super) const DAEMON: &str = "bwflowd";
pub(super) const HELPER: &str = "bwflow-helper";
const VNSTAT: &str = "vnstat";

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acts<'a> {
    pub(super) path: &'a Path,
    /// The whole configuration.
    pub(super) text: &'a str,
    /// Whether vnStat is mended.
    pub(super) vnstat: bool,
    /// Whether the services are started, or told to read the file.
    pub(super) start: bool,
}

/// Does it, and says each thing that is done.
///
/// # Errors
/// Before the file is written nothing has changed; after that, what was said to be done is.
pub(super) fn apply(acts: Acts<'_>, output: &Output) -> Result<(), Failure> {
    let name = acts.path.display().to_string();
    let config = check(&name, acts.text.as_bytes())?;
    let before = existing(acts.path)?;
    if before.as_deref() == Some(acts.text.as_bytes()) {
        output.talk(&format!(
            "{name} says just this already; it is left as it is"
        ));
    } else {
        write(acts.path, &name, acts.text, output)?;
    }
    if acts.vnstat {
        mend_vnstat(&config, output)?;
    }
    if acts.start {
        start(output)?;
    }
    Ok(())
}

/// The configuration, by the check that the services make.
pub(super) fn check(name: &str, bytes: &[u8]) -> Result<Config, Failure> {
    match load_bytes(name, bytes) {
        Ok(loaded) => Ok(loaded.config),
        Err(rejected) => Err(Failure::Configuration(format!(
            "{name} cannot be used\n\n{rejected}"
        ))),
    }
}

/// What the file holds, if it is there. Who may only write its text may not have anything but a file
/// read, waited for or replaced.
///
/// # Errors
/// What is in the file's place instead, and what to do about it.
pub(super) fn existing(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let name = path.display();
    file::read_if_there(path).map_err(|unreadable| {
        let cure = match unreadable.hint {
            Some(file::TRY_SUDO) => file::TRY_SUDO,
            _ => "move it away, then start again",
        };
        Failure::Configuration(format!(
            "cannot read {name}: {}; nothing was changed\nhint: {cure}",
            unreadable.message
        ))
    })
}

fn write(path: &Path, name: &str, text: &str, output: &Output) -> Result<(), Failure> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(|error| cannot_write(name, &error))?;
    }
    match replace(path, text).map_err(|error| cannot_write(name, &error))? {
        Some(backup) => output.talk(&format!(
            "wrote {name}; the old one is {}",
            backup.display()
        )),
        None => output.talk(&format!("wrote {name}")),
    }
    Ok(())
}

fn cannot_write(name: &str, error: &io::Error) -> Failure {
    let told = format!("cannot write {name}: {error}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::Denied(told),
        _ => Failure::Failed(told),
    }
}

/// What vnStat's configuration needs on this host; with it the text as it is, if there is one.
pub(super) fn needed(config: &Config, found: &Vnstat) -> Option<(String, Mend)> {
    let text = String::from_utf8(file::read(vnstat::CONFIG.as_ref()).ok()?).ok()?;
    let host = Host {
        vnstat: found,
        timezone: &timezone(),
        speed: &speed_mbit,
        present: &interfaces(),
    };
    let mend = mend(&text, config, &host);
    Some((text, mend))
}

fn mend_vnstat(config: &Config, output: &Output) -> Result<(), Failure> {
    let Some(found) = Vnstat::find() else {
        return Ok(());
    };
    let Some((text, mend)) = needed(config, &found) else {
        return Ok(());
    };
    if mend.text == text {
        return Ok(());
    }
    let backup = replace(Path::new(vnstat::CONFIG), &mend.text)
        .map_err(|error| cannot_write(vnstat::CONFIG, &error))?;
    let kept = backup.map_or_else(String::new, |backup| {
        format!("; the old one is {}", backup.display())
    });
    output.talk(&format!("wrote {}{kept}", vnstat::CONFIG));
    if !found.is_running {
        return Ok(());
    }
    if is_active(VNSTAT) {
        // Other restarts of late do not count against this one.
        let _ = systemctl(&["reset-failed", VNSTAT]);
        systemctl(&["restart", VNSTAT]).map_err(|failure| {
            Failure::Failed(format!(
                "{failure}\nhint: `journalctl --unit {VNSTAT}` says why{kept}; when it is mended: \
                 sudo systemctl reset-failed {VNSTAT}; sudo systemctl restart {VNSTAT}"
            ))
        })?;
        output.talk("restarted vnStat");
    } else {
        output.talk("vnStat reads it when it is started anew: restart vnstatd");
    }
    Ok(())
}

fn start(output: &Output) -> Result<(), Failure> {
    if !has_systemd() {
        return Ok(());
    }
    if is_active(HELPER) {
        systemctl(&["reload", HELPER])?;
        systemctl(&["start", DAEMON])?;
        output.talk("bwflow has read the new configuration");
    } else {
        systemctl(&["enable", "--now", DAEMON, HELPER])?;
        output.talk("started bwflow; `bwflowctl report` shows the link");
    }
    Ok(())
}

fn systemctl(words: &[&str]) -> Result<(), Failure> {
    let told = format!("systemctl {}", words.join(" "));
    let output = Command::new("systemctl")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::Failed(format!("`{told}`: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Failed(format!(
        "the files are written, but `{told}` failed: {}",
        why.trim()
    )))
}

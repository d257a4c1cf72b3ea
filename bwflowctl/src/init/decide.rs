//! What is to be done in the end: flags say it, or people, or the defaults.

use std::path::Path;

use bwflow_proto::config::Config;
use bwflow_proto::vnstat;

use super::apply::{HELPER, needed};
use super::mend::diff;
use super::terminal;
use crate::args::Init;
use crate::failure::Failure;
use crate::grid::printable;
use crate::host::interfaces;
use crate::host::service::{has_systemd, is_active, is_installed};
use crate::host::vnstat::Vnstat;
use crate::output::Output;

/// Whether the file may be written.
pub(super) fn may_write(
    args: &Init,
    path: &Path,
    changes: bool,
    is_asking: bool,
) -> Result<bool, Failure> {
    if args.force || (!is_asking && !changes) {
        return Ok(true);
    }
    if is_asking {
        return terminal::confirm(&format!("Write {}?", path.display()));
    }
    Err(Failure::Configuration(format!(
        "{} is there already and would be changed\nhint: --force changes it and keeps a copy, --print shows what it would be",
        path.display()
    )))
}

/// Whether vnStat's configuration is to be mended.
pub(super) fn mend_vnstat(
    args: &Init,
    is_ours: bool,
    config: &Config,
    found: Option<&Vnstat>,
    is_asking: bool,
    output: &Output,
) -> Result<bool, Failure> {
    let wanted = args.vnstat.unwrap_or(is_ours);
    let Some(found) = found.filter(|_| wanted) else {
        return Ok(false);
    };
    let present = interfaces();
    for link in config
        .links
        .iter()
        .filter(|link| is_ours && !found.knows(&link.interface))
        // One that is not there vnStat will not take.
        .filter(|link| present.contains(&link.interface))
    {
        output.talk(&format!(
            "note: vnStat does not know {link}; it does after `sudo vnstat --add -i {link}`",
            link = printable(&link.interface)
        ));
    }
    let Some((text, mend)) = needed(config, found) else {
        return Ok(false);
    };
    for note in &mend.notes {
        output.talk(&format!("note: {note}"));
    }
    if mend.text == text {
        return Ok(false);
    }
    if args.vnstat.is_some() || !is_asking {
        return Ok(args.vnstat.unwrap_or(args.yes));
    }
    terminal::say(&format!(
        "\n{} makes vnStat count less than flows, or by another clock:\n  {}\n\n{}",
        vnstat::CONFIG,
        mend.reasons.join("\n  "),
        diff(vnstat::CONFIG, &text, &mend.text)
    ))?;
    let restart = if found.is_running {
        " and restart vnStat"
    } else {
        ""
    };
    terminal::confirm(&format!(
        "Change {}{restart}? A copy is kept.",
        vnstat::CONFIG
    ))
}

/// Whether the services are to be started, or told to read the file.
pub(super) fn start_services(
    args: &Init,
    is_offered: bool,
    is_asking: bool,
) -> Result<bool, Failure> {
    if let Some(start) = args.start {
        return Ok(start);
    }
    if !is_offered || !has_systemd() || !is_installed(HELPER) {
        return Ok(false);
    }
    if !is_asking {
        return Ok(args.yes);
    }
    terminal::confirm(if is_active(HELPER) {
        "Have bwflow read the new file now?"
    } else {
        "Start bwflow now, and at every boot?"
    })
}

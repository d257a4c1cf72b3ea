//! What the configuration speaks of and this host does not have.

use std::path::Path;

use bwflow_proto::config::{Config, Problem, Severity};

use crate::host::files::Files;
use crate::host::kernel::{EXCLUSION, Part, part};

/// Where the kernel lists the interfaces.
pub(super) const INTERFACES: &str = "/sys/class/net";

/// More names than this make no hint.
const MOST_NAMED: usize = 6;

/// A note for each link that is not among `interfaces` now; none where that cannot be told.
pub(super) fn absent(config: &Config, interfaces: &Path) -> Vec<Problem> {
    let Ok(entries) = std::fs::read_dir(interfaces) else {
        return Vec::new();
    };
    let mut present: Vec<String> = entries
        .flatten()
        // `bonding_masters` stands there too and is a file.
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    present.sort_unstable();
    let others: Vec<&str> = present
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "lo")
        .collect();
    let hint = match others.as_slice() {
        [] => "it is held as soon as it appears".to_owned(),
        names if names.len() <= MOST_NAMED => format!(
            "it is held as soon as it appears; this host has {}",
            names.join(", ")
        ),
        _ => "it is held as soon as it appears; `ip link` shows those of this host".to_owned(),
    };
    let links = config.links.iter();
    links
        .filter(|link| !present.contains(&link.interface))
        .map(|link| Problem {
            severity: Severity::Note,
            message: format!("`{}`: no such interface now", link.interface),
            span: None,
            hint: Some(hint.clone()),
        })
        .collect()
}

/// A note if a link is to exclude networks and the kernel certainly cannot; `bwflowd` tells the
/// rest when it starts, as it takes privileges to try.
pub(super) fn exclusion(config: &Config, files: &Files) -> Option<Problem> {
    let excludes = config.links.iter().any(|link| !link.exclude.is_empty());
    let missing: Vec<&str> = EXCLUSION
        .into_iter()
        .filter(|(module, option)| part(files, module, option) == Part::Absent)
        .map(|(module, _)| module)
        .collect();
    (excludes && !missing.is_empty()).then(|| Problem {
        severity: Severity::Note,
        message: format!(
            "`exclude`: this kernel has no {}, so that everything is charged and held back",
            missing.join(" and no ")
        ),
        span: None,
        hint: Some("take `exclude` out, or install the kernel's extra modules".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_noted() {
        let text = "bandwidth.monthly_budget_gb = 100\n[[link]]\ninterface = \"lo\"\n\
                    [[link]]\ninterface = \"bwflow-none0\"\n";
        let (config, _) = Config::parse(text).unwrap();
        let notes = absent(&config, Path::new(INTERFACES));
        let [note] = notes.as_slice() else {
            panic!("{notes:?}")
        };
        assert_eq!(note.severity, Severity::Note);
        assert_eq!(note.message, "`bwflow-none0`: no such interface now");
    }

    #[test]
    fn without_a_list_nothing_is_said_to_be_absent() {
        let text = "bandwidth.monthly_budget_gb = 100\nnetwork.interface = \"x0\"\n";
        let (config, _) = Config::parse(text).unwrap();
        assert_eq!(absent(&config, Path::new("/nonexistent")), []);
    }

    #[test]
    fn a_kernel_that_cannot_exclude_is_noted() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::new(directory.path());
        let excluding = "bandwidth.monthly_budget_gb = 100\nnetwork.interface = \"x0\"\n\
                         bandwidth.exclude = [\"10.0.0.0/8\"]\n";
        let note = |text: &str| exclusion(&Config::parse(text).unwrap().0, &files);
        // Nothing can be read, so nothing is known.
        assert_eq!(note(excluding), None);
        for (name, text) in [
            ("/proc/sys/kernel/osrelease", "6.1\n"),
            ("/boot/config-6.1", "CONFIG_NF_TABLES=y\n"),
        ] {
            std::fs::create_dir_all(files.path(name).parent().unwrap()).unwrap();
            std::fs::write(files.path(name), text).unwrap();
        }
        let found = note(excluding).unwrap();
        assert_eq!(found.severity, Severity::Note);
        assert!(found.message.contains("no sch_htb,"), "{}", found.message);
        let plain = excluding.replace("\"10.0.0.0/8\"", "");
        assert_eq!(note(&plain), None);
    }
}

//! What the configuration speaks of and this host does not have.

use std::path::Path;

use bwflow_proto::config::{Config, Problem, Severity};

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
}

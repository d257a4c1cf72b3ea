//! Whether there is a configuration, and whether the services go by it.

use std::path::Path;

use bwflow_proto::config::{Config, Problem, Severity, load_bytes};
use bwflow_proto::ledger::LedgerView;
use bwflow_proto::units::format_bytes;

use super::finding::Finding;
use crate::check_config::file::{self, Unreadable};
use crate::snapshot::LinkRecord;

const CHECK: &str = "configuration";

/// The configuration if it can be used, and what there is to say of it.
pub(super) fn read(path: &Path) -> (Option<Config>, Vec<Finding>) {
    let name = path.display();
    let bytes = match file::read(path) {
        Ok(bytes) => bytes,
        Err(unreadable) => return (None, vec![unreadable_finding(path, &unreadable)]),
    };
    match load_bytes(&name.to_string(), &bytes) {
        Ok(loaded) => {
            let count = loaded.config.links.len();
            let links = if count == 1 { "link" } else { "links" };
            let mut findings = vec![Finding::ok(CHECK, format!("{name}: {count} {links}"))];
            if !loaded.notes.is_empty() {
                let notes = Finding::note(CHECK, format!("{name}: there are remarks on it"));
                findings.push(notes.cured_by(format!("bwflowctl check-config {name}")));
            }
            (Some(loaded.config), findings)
        }
        Err(rejected) => {
            // Remarks stand among them, in the order of the file, and are not what is in the way.
            let is_error = |problem: &&Problem| problem.severity == Severity::Error;
            let count = rejected.problems().iter().filter(is_error).count();
            let first = rejected.problems().iter().find(is_error);
            let first = first.map_or(String::new(), |problem| format!(": {}", problem.message));
            let more = match count {
                0 | 1 => String::new(),
                _ => format!(" (and {} more)", count - 1),
            };
            let finding = Finding::fault(
                CHECK,
                2,
                format!("{name} cannot be used{first}{more}"),
                format!("bwflowctl check-config {name}"),
            );
            (None, vec![finding])
        }
    }
}

fn unreadable_finding(path: &Path, unreadable: &Unreadable) -> Finding {
    let name = path.display();
    let found = format!("{name} cannot be read: {}", unreadable.message);
    if !path.exists() {
        Finding::fault(CHECK, 2, found, "sudo bwflowctl init")
    } else if unreadable.hint == Some("try with sudo") {
        Finding::warning(CHECK, found, "sudo bwflowctl doctor")
    } else {
        Finding::fault(CHECK, 2, found, format!("bwflowctl check-config {name}"))
    }
}

/// Whether what the helper publishes follows from this configuration.
pub(super) fn in_force(config: &Config, links: &[LinkRecord]) -> Vec<Finding> {
    let cure = "systemctl reload bwflow-helper (or SIGHUP to it)";
    let mut findings = Vec::new();
    for link in &config.links {
        let record = links
            .iter()
            .find(|record| record.interface == link.interface);
        let Some(ledger) = record.and_then(|record| record.ledger.as_ref()) else {
            let found = "is configured, but the services do not know it yet";
            findings.push(Finding::warning(CHECK, found, cure).on(&link.interface));
            continue;
        };
        if let Some(other) = difference(link, ledger) {
            let found = format!("the services still go by {other}");
            findings.push(Finding::warning(CHECK, found, cure).on(&link.interface));
        }
    }
    for record in links.iter().filter(|record| record.ledger.is_some()) {
        let is_configured = |link: &bwflow_proto::config::Link| link.interface == record.interface;
        if !config.links.iter().any(is_configured) {
            let found = "the services still hold it, though it is not configured any more";
            findings.push(Finding::warning(CHECK, found, cure).on(&record.interface));
        }
    }
    findings
}

fn difference(link: &bwflow_proto::config::Link, ledger: &LedgerView) -> Option<String> {
    let zone = link.timezone.iana_name().unwrap_or("UTC");
    if ledger.budget_bytes != link.budget_bytes {
        Some(format!("a budget of {}", format_bytes(ledger.budget_bytes)))
    } else if ledger.burst_bytes != link.burst_bytes {
        Some(format!("a burst of {}", format_bytes(ledger.burst_bytes)))
    } else if ledger.counted != link.count.as_str() {
        Some(format!("count = \"{}\"", ledger.counted))
    } else if ledger.timezone != zone {
        Some(format!("the time zone {}", ledger.timezone))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::doctor::finding::Grade;

    fn config(text: &str) -> Config {
        Config::parse(text).unwrap().0
    }

    fn record(interface: &str, budget_bytes: u64) -> LinkRecord {
        LinkRecord {
            interface: interface.to_owned(),
            ledger: Some(LedgerView {
                budget_bytes,
                burst_bytes: 50_000_000_000,
                counted: "tx".to_owned(),
                timezone: "UTC".to_owned(),
                ..LedgerView::default()
            }),
            ..LinkRecord::default()
        }
    }

    #[test]
    fn without_a_file_init_is_the_cure() {
        let (config, findings) = read(Path::new("/nonexistent/config.toml"));
        assert_eq!(config, None);
        assert_eq!(findings[0].grade, Grade::Fault);
        assert_eq!(findings[0].exit_code, 2);
        assert_eq!(findings[0].cure.as_deref(), Some("sudo bwflowctl init"));
    }

    #[test]
    fn a_wrong_file_is_a_fault_that_says_what_is_wrong_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(&path, "[bandwidth]\nmonthly_budget_gb = 0\nburst = 3\n").unwrap();
        let (config, findings) = read(&path);
        assert_eq!(config, None);
        assert!(
            findings[0].found.contains("cannot be used: "),
            "{findings:?}"
        );
        assert!(findings[0].found.contains(" more)"), "{findings:?}");
        let noted = "[bandwidth]\nmonthly_budget = \"1 GB\"\npre_charge = \"1 GB\"\n[network]\n\
                     interface = \"eth0\"\n[alerts]\nat_percent = 5\n";
        std::fs::write(&path, noted).unwrap();
        let found = read(&path).1.remove(0).found;
        assert!(
            found.ends_with("cannot be used: `at_percent` wants a list of whole numbers"),
            "{found}"
        );
    }

    #[test]
    fn what_the_services_do_not_follow_is_told() {
        let text = "bandwidth.monthly_budget_gb = 100\nnetwork.interface = \"eth0\"\n";
        let config = config(text);
        assert_eq!(in_force(&config, &[record("eth0", 100_000_000_000)]), []);
        let other = in_force(&config, &[record("eth0", 20_000_000_000)]);
        assert_eq!(other[0].found, "the services still go by a budget of 20 GB");
        let findings = in_force(&config, &[record("eth9", 100_000_000_000)]);
        assert_eq!(findings.len(), 2, "one missing, one too many: {findings:?}");
    }
}

//! Whether each link is there, and who holds it.

use bwflow_proto::ledger::LedgerView;
use bwflow_proto::state::LinkState;
use bwflow_proto::units::format_bytes;

use super::finding::Finding;
use super::qdisc::Qdisc;

/// What is known of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) interface: String,
    /// Whether the kernel has an interface of this name.
    pub(super) is_present: bool,
    /// Whether it is up (`IFF_UP`).
    pub(super) is_up: bool,
    /// The discipline at its root, if that could be asked.
    pub(super) root: Option<Qdisc>,
    /// What the daemon says of it; nothing while it says nothing.
    pub(super) state: Option<String>,
    /// What the daemon says is in its way.
    pub(super) blocked_by: String,
}

/// Whether the link is there and nothing is in the way.
pub(super) fn judge(link: &Link, has_daemon: bool) -> Vec<Finding> {
    let name = &link.interface;
    if !link.is_present {
        let found = "there is no interface of this name now";
        let cure = "`ip link` shows those there are; it is held as soon as it appears";
        return vec![Finding::warning("link", found, cure).on(name)];
    }
    let mut findings = vec![if link.is_up {
        Finding::ok("link", "is there and up").on(name)
    } else {
        Finding::note("link", "is there, but down").on(name)
    }];
    findings.push(queue(link, has_daemon).on(name));
    findings
}

fn queue(link: &Link, has_daemon: bool) -> Finding {
    const CHECK: &str = "qdisc";
    let name = &link.interface;
    let state: Option<LinkState> = link.state.as_ref().and_then(|state| state.parse().ok());
    if state == Some(LinkState::Blocked) {
        return Finding::fault(
            CHECK,
            1,
            format!(
                "{} is in the way: nothing is limited",
                or(&link.blocked_by, "a foreign queueing discipline")
            ),
            format!(
                "see it with: tc qdisc show dev {name}; if nobody needs it: tc qdisc del dev \
                 {name} root"
            ),
        );
    }
    match &link.root {
        Some(root) if root.is_ours && !has_daemon => Finding::warning(
            CHECK,
            "a limit of bwflow's is in force, and no bwflowd looks after it",
            "systemctl start bwflowd, or take it off: sudo bwflowd --release",
        ),
        Some(root) if root.is_ours => Finding::ok(CHECK, "bwflow's own limit is in force"),
        Some(root) if root.is_default => {
            Finding::ok(CHECK, format!("{}, the kernel's default", root.kind))
        }
        Some(root) => Finding::ok(CHECK, format!("{}, set up by somebody else", root.kind)),
        None if state.is_some() => Finding::ok(CHECK, "nothing foreign is in the way"),
        None => Finding::note(CHECK, "what is on the link cannot be told"),
    }
}

/// Whether networks that are excluded are; nothing if none are to be.
pub(super) fn judge_exclusion(interface: &str, ledger: &LedgerView) -> Option<Finding> {
    const CHECK: &str = "exclude";
    let finding = match (&ledger.exclusion_fault, ledger.excluded_bytes) {
        (Some(why), _) => Finding::fault(
            CHECK,
            1,
            format!("excluded networks are charged and held back all the same: {why}"),
            "let the kernel have nf_tables and sch_htb, or take `exclude` out",
        ),
        (None, Some(bytes)) => Finding::ok(
            CHECK,
            format!("{} of this period are not charged", format_bytes(bytes)),
        ),
        (None, None) => return None,
    };
    Some(finding.on(interface))
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::doctor::finding::Grade;

    fn link(state: &str, root: Option<Qdisc>) -> Link {
        Link {
            interface: "eth0".to_owned(),
            is_present: true,
            is_up: true,
            root,
            state: Some(state.to_owned()),
            blocked_by: String::new(),
        }
    }

    fn root(kind: &str, is_ours: bool) -> Option<Qdisc> {
        Some(Qdisc {
            kind: kind.to_owned(),
            is_ours,
            is_default: false,
        })
    }

    fn graded(link: &Link, has_daemon: bool) -> Vec<Grade> {
        let findings = judge(link, has_daemon);
        findings.iter().map(|finding| finding.grade).collect()
    }

    #[test]
    fn a_foreign_tree_that_blocks_is_a_fault_and_names_itself() {
        let mut blocked = link("blocked", root("htb", false));
        blocked.blocked_by = "htb 1:".to_owned();
        let findings = judge(&blocked, true);
        assert_eq!(findings[1].grade, Grade::Fault);
        assert_eq!(
            findings[1].found,
            "htb 1: is in the way: nothing is limited"
        );
        assert!(
            findings[1]
                .cure
                .as_ref()
                .unwrap()
                .contains("tc qdisc del dev eth0 root")
        );
    }

    #[test]
    fn our_own_limit_is_well_only_while_somebody_looks_after_it() {
        let held = link("throttled", root("tbf", true));
        assert_eq!(graded(&held, true), [Grade::Ok, Grade::Ok]);
        assert_eq!(graded(&held, false), [Grade::Ok, Grade::Warning]);
    }

    #[test]
    fn networks_that_are_not_excluded_though_they_should_be_are_a_fault() {
        let mut ledger = LedgerView::default();
        assert_eq!(judge_exclusion("eth0", &ledger), None);
        ledger.excluded_bytes = Some(7);
        let grade = |ledger: &LedgerView| judge_exclusion("eth0", ledger).unwrap().grade;
        assert_eq!(grade(&ledger), Grade::Ok);
        ledger.exclusion_fault = Some("no nf_tables".to_owned());
        assert_eq!(grade(&ledger), Grade::Fault);
    }

    #[test]
    fn what_is_absent_or_down_is_told() {
        let mut away = link("absent", None);
        away.is_up = false;
        assert_eq!(graded(&away, true), [Grade::Note, Grade::Ok]);
        away.is_present = false;
        assert_eq!(graded(&away, true), [Grade::Warning]);
    }
}

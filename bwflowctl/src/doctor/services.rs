//! Whether both services run, are connected, and may do exactly what they need.

use super::finding::Finding;
use super::process::{NET_ADMIN, Rights};

/// What the bus and systemd say of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Its unit as systemd has it; nothing without systemd.
    pub(super) unit: Option<Unit>,
    /// Whether it owns its name on the bus, and with what rights.
    pub(super) owner: Option<Owner>,
}

/// Properties of `org.freedesktop.systemd1.Unit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) load_state: String,
    pub(super) active_state: String,
    pub(super) file_state: String,
    /// `Result` of the service, e.g. `exit-code`.
    pub(super) result: String,
    pub(super) restarts: u32,
    /// Whether its conditions held when it was last started.
    pub(super) condition: bool,
}

/// Who has a name on the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) pid: u32,
    pub(super) rights: Option<Rights>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Daemon,
    Helper,
}

impl Program {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Daemon => "bwflowd",
            Self::Helper => "bwflow-helper",
        }
    }
}

/// Whether a service runs, will run after a boot, and is on the bus.
pub(super) fn judge(program: Program, service: &Service) -> Vec<Finding> {
    let name = program.name();
    let mut findings = Vec::new();
    match (&service.owner, &service.unit) {
        (Some(owner), _) => {
            findings.push(Finding::ok(name, format!("runs (pid {})", owner.pid)));
        }
        (None, Some(unit)) => findings.push(stopped(name, unit)),
        (None, None) => findings.push(Finding::fault(
            name,
            3,
            "is not on the bus",
            format!("start it: contrib/start.sh, or `{name}` by hand"),
        )),
    }
    if let Some(unit) = &service.unit {
        if unit.load_state == "loaded" && unit.file_state == "disabled" {
            findings.push(Finding::warning(
                name,
                "will not start at the next boot",
                format!("systemctl enable {name}"),
            ));
        }
        if service.owner.is_some() && unit.restarts > 0 {
            let times = if unit.restarts == 1 {
                "once"
            } else {
                "again and again"
            };
            let found = format!("was restarted {times} by systemd ({})", unit.restarts);
            let cure = format!("journalctl -u {name}");
            findings.push(Finding::note(name, found).cured_by(cure));
        }
    }
    findings
}

fn stopped(name: &'static str, unit: &Unit) -> Finding {
    if unit.load_state == "not-found" {
        let cure = "install the package, or copy contrib/systemd/ to /etc/systemd/system/";
        return Finding::fault(name, 3, "has no unit", cure);
    }
    let start = format!("systemctl enable --now {name}");
    match unit.active_state.as_str() {
        "failed" => Finding::fault(
            name,
            3,
            format!("has failed ({})", unit.result),
            format!("journalctl -u {name}; then systemctl restart {name}"),
        ),
        "active" => Finding::fault(
            name,
            3,
            "runs, but is not on the bus",
            format!("journalctl -u {name}; does the bus's policy name its user?"),
        ),
        "activating" => Finding::fault(
            name,
            3,
            "starts again and again",
            format!("journalctl -u {name}"),
        ),
        _ if !unit.condition => Finding::fault(
            name,
            3,
            "is not running: a condition of its unit was not met",
            format!("sudo bwflowctl init, if there is no configuration; {start}"),
        ),
        _ => Finding::fault(name, 3, "is not running", start),
    }
}

/// Whether a program holds the rights it should, and no others.
pub(super) fn judge_rights(program: Program, owner: &Owner) -> Finding {
    const CHECK: &str = "capability";
    let name = program.name();
    let Some(rights) = owner.rights else {
        let found = format!("{name}: its capabilities are hidden from this user");
        return Finding::note(CHECK, found).cured_by("sudo bwflowctl doctor");
    };
    let by_unit = format!("start {name} by its unit (systemctl restart {name})");
    let wanted = match program {
        Program::Daemon => NET_ADMIN,
        Program::Helper => 0,
    };
    if rights.effective & wanted != wanted {
        let found = format!("{name} does not hold CAP_NET_ADMIN and can limit nothing");
        return Finding::fault(CHECK, 1, found, by_unit);
    }
    if rights.uid == 0 {
        return Finding::warning(CHECK, format!("{name} runs as root"), by_unit);
    }
    let excess = (rights.effective | rights.permitted | rights.bounding) & !wanted;
    match (program, excess) {
        (Program::Daemon, 0) => Finding::ok(CHECK, format!("{name} holds exactly CAP_NET_ADMIN")),
        (Program::Helper, 0) => Finding::ok(CHECK, format!("{name} holds none")),
        _ if (rights.effective | rights.permitted) & !wanted != 0 => Finding::warning(
            CHECK,
            format!("{name} holds more than it needs ({excess:x})"),
            by_unit,
        ),
        _ => Finding::note(
            CHECK,
            format!("{name} could get more than it needs ({excess:x}) from a program it starts"),
        )
        .cured_by(by_unit),
    }
}

/// A program that has its name on the bus and says nothing.
pub(super) fn silent(program: Program) -> Finding {
    let name = program.name();
    Finding::fault(
        name,
        1,
        "is on the bus, but does not answer",
        format!("systemctl restart {name}; journalctl -u {name}"),
    )
}

/// What the helper answered when it was to count, commit and publish; nothing if it was silent.
pub(super) fn judge_answer(answer: Option<Result<(), String>>) -> Finding {
    const CHECK: &str = "ledger";
    match answer {
        Some(Ok(())) => Finding::ok(CHECK, "was counted, booked and published just now"),
        Some(Err(text)) => Finding::fault(
            CHECK,
            1,
            format!("bwflow-helper cannot keep it: {text}"),
            "journalctl -u bwflow-helper",
        ),
        None => silent(Program::Helper),
    }
}

/// Whether daemon, helper and this program are of one version.
pub(super) fn judge_version(daemon: &str) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    if daemon == ours {
        return Finding::ok("version", ours);
    }
    Finding::warning(
        "version",
        format!("bwflowd {daemon} runs, bwflowctl is {ours}"),
        "systemctl restart bwflowd bwflow-helper",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::doctor::finding::Grade;

    fn unit(active: &str) -> Unit {
        Unit {
            load_state: "loaded".to_owned(),
            active_state: active.to_owned(),
            file_state: "enabled".to_owned(),
            result: "exit-code".to_owned(),
            restarts: 0,
            condition: true,
        }
    }

    fn service(active: &str, is_on_bus: bool) -> Service {
        Service {
            unit: Some(unit(active)),
            owner: is_on_bus.then_some(Owner {
                pid: 7,
                rights: None,
            }),
        }
    }

    #[test]
    fn every_way_not_to_run_has_its_own_cure() {
        let cure = |service: &Service| {
            let findings = judge(Program::Helper, service);
            assert_eq!(findings[0].grade, Grade::Fault);
            assert_eq!(findings[0].exit_code, 3);
            findings[0].cure.clone().unwrap()
        };
        let mut unknown = service("inactive", false);
        unknown.unit.as_mut().unwrap().load_state = "not-found".to_owned();
        let mut unmet = service("inactive", false);
        unmet.unit.as_mut().unwrap().condition = false;
        let cures = [
            cure(&service("inactive", false)),
            cure(&service("failed", false)),
            cure(&service("active", false)),
            cure(&service("activating", false)),
            cure(&unknown),
            cure(&unmet),
            cure(&Service::default()),
        ];
        for (at, cure) in cures.iter().enumerate() {
            assert!(!cures[..at].contains(cure), "{cure}");
        }
    }

    #[test]
    fn a_service_that_runs_but_is_not_enabled_is_a_warning() {
        let mut service = service("active", true);
        assert_eq!(judge(Program::Daemon, &service).len(), 1);
        service.unit.as_mut().unwrap().file_state = "disabled".to_owned();
        service.unit.as_mut().unwrap().restarts = 3;
        let findings = judge(Program::Daemon, &service);
        let grades: Vec<Grade> = findings.iter().map(|finding| finding.grade).collect();
        assert_eq!(grades, [Grade::Ok, Grade::Warning, Grade::Note]);
    }

    #[test]
    fn rights_are_held_against_what_each_needs() {
        let graded = |program, uid, effective, permitted, bounding| {
            let rights = Rights {
                uid,
                effective,
                permitted,
                bounding,
            };
            let owner = Owner {
                pid: 1,
                rights: Some(rights),
            };
            judge_rights(program, &owner).grade
        };
        let all = (1 << 41) - 1;
        let exactly = NET_ADMIN;
        assert_eq!(
            graded(Program::Daemon, 9, exactly, exactly, exactly),
            Grade::Ok
        );
        assert_eq!(
            graded(Program::Daemon, 9, 0, exactly, exactly),
            Grade::Fault
        );
        assert_eq!(graded(Program::Daemon, 0, all, all, all), Grade::Warning);
        assert_eq!(graded(Program::Daemon, 9, all, all, all), Grade::Warning);
        assert_eq!(
            graded(Program::Daemon, 9, exactly, exactly, all),
            Grade::Note
        );
        assert_eq!(graded(Program::Helper, 9, 0, 0, 0), Grade::Ok);
        assert_eq!(
            graded(Program::Helper, 9, exactly, exactly, 0),
            Grade::Warning
        );
        assert_eq!(graded(Program::Helper, 9, 0, 0, all), Grade::Note);
    }

    #[test]
    fn another_version_is_told() {
        assert_eq!(judge_version(env!("CARGO_PKG_VERSION")).grade, Grade::Ok);
        assert_eq!(judge_version("0.0.1").grade, Grade::Warning);
    }
}

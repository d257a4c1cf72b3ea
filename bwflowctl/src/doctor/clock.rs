//! Whether the clock can be trusted with the edges of periods.

use super::finding::Finding;

const CHECK: &str = "clock";
/// Before this the clock cannot be right: 2026-01-01T00:00:00Z, when this program was not there.
const EARLIEST_USEC: u64 = 1_767_225_600_000_000;
/// How far the ledger may be ahead of this program's reading of the clock.
const AHEAD_USEC: u64 = 60_000_000;

/// What is known about the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// Microseconds since the Unix epoch.
    pub(super) now_usec: u64,
    /// `NTPSynchronized` of `org.freedesktop.timedate1`; nothing if nobody can tell.
    pub(super) is_synchronized: Option<bool>,
    /// The newest of the ledgers' figures.
    pub(super) newest_usec: u64,
}

/// Judges the clock.
pub(super) fn judge(clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::new();
    if clock.now_usec < EARLIEST_USEC {
        findings.push(Finding::fault(
            CHECK,
            1,
            "stands before this program was written: periods cannot be told",
            "set it: timedatectl set-ntp true, or date --set",
        ));
    }
    if clock.newest_usec > clock.now_usec.saturating_add(AHEAD_USEC) {
        findings.push(Finding::warning(
            CHECK,
            "was set back: the ledger has figures of a later time",
            "timedatectl set-ntp true; once the clock is right again, so is the ledger",
        ));
    }
    findings.push(match clock.is_synchronized {
        Some(true) => Finding::ok(CHECK, "is synchronised"),
        Some(false) => Finding::warning(
            CHECK,
            "is not synchronised: a period may begin too early or too late",
            "timedatectl set-ntp true (or install chrony)",
        ),
        None => Finding::note(
            CHECK,
            "whether it is synchronised cannot be told without timedated",
        ),
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Grade;

    fn grades(clock: &Clock) -> Vec<Grade> {
        judge(clock).iter().map(|finding| finding.grade).collect()
    }

    #[test]
    fn each_trouble_of_a_clock_is_told() {
        let right = Clock {
            now_usec: EARLIEST_USEC + 1,
            is_synchronized: Some(true),
            newest_usec: EARLIEST_USEC,
        };
        assert_eq!(grades(&right), [Grade::Ok]);
        let loose = Clock {
            is_synchronized: Some(false),
            ..right
        };
        assert_eq!(grades(&loose), [Grade::Warning]);
        let unknown = Clock {
            is_synchronized: None,
            ..right
        };
        assert_eq!(grades(&unknown), [Grade::Note]);
        let early = Clock {
            now_usec: 5,
            ..right
        };
        assert_eq!(grades(&early), [Grade::Fault, Grade::Warning, Grade::Ok]);
    }
}

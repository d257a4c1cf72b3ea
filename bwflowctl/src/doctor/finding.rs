//! What a check has found.

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// The promise might not hold.
    Warning,
    /// The promise does not hold.
    Fault,
}

impl Grade {
    /// The word a line begins with.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "WARNING",
            Self::Fault => "FAULT",
        }
    }
}

/// One line of the doctor's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was checked.
    pub(crate) check: &'static str,
    /// The link it is about, if it is about one.
    pub(crate) interface: Option<String>,
    /// How much it matters.
    pub(crate) grade: Grade,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) cure: Option<String>,
    /// What the doctor exits with because of it; 0 unless it is a fault.
    pub(crate) exit_code: u8,
}

impl Finding {
    fn new(check: &'static str, grade: Grade, found: impl Into<String>) -> Self {
        Self {
            check,
            interface: None,
            grade,
            found: found.into(),
            cure: None,
            exit_code: 0,
        }
    }

    pub(crate) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Grade::Ok, found)
    }

    pub(crate) fn note(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Grade::Note, found)
    }

    pub(crate) fn warning(
        check: &'static str,
        found: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::new(check, Grade::Warning, found).cured_by(cure)
    }

    /// A fault for which the doctor exits with `exit_code`.
    pub(crate) fn fault(
        check: &'static str,
        exit_code: u8,
        found: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            exit_code,
            ..Self::new(check, Grade::Fault, found).cured_by(cure)
        }
    }

    /// About this link.
    pub(crate) fn on(self, interface: &str) -> Self {
        Self {
            interface: Some(interface.to_owned()),
            ..self
        }
    }

    pub(crate) fn cured_by(self, cure: impl Into<String>) -> Self {
        Self {
            cure: Some(cure.into()),
            ..self
        }
    }
}

/// What the doctor exits with: the first fault decides, and what comes first is what the others
/// may follow from.
pub(crate) fn exit_code(findings: &[Finding]) -> u8 {
    findings
        .iter()
        .map(|finding| finding.exit_code)
        .find(|code| *code != 0)
        .unwrap_or(0)
}

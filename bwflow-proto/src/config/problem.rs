//! What is wrong, or worth knowing, about a configuration.

use std::ops::Range;

/// Byte offsets into the text of the file, a byte order mark not counted.
pub type Span = Range<usize>;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration is used; somebody should know this about it.
    Note,
}

impl Severity {
    /// The word in rendered text and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// One thing to tell the user: what, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it forbids the use of the file.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where; `None` when something is missing from the file as a whole.
    pub span: Option<Span>,
    /// How to mend it.
    pub hint: Option<String>,
}

/// A file of junk may hold one error per byte; more than this of either kind helps nobody.
const MOST_KEPT: usize = 1000;

/// Problems as they are found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    errors: usize,
    notes: usize,
}

impl Problems {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        self.push(Severity::Error, Some(span), message.into(), hint);
    }

    pub(super) fn note(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        self.push(Severity::Note, Some(span), message.into(), hint);
    }

    /// Something is missing from the file as a whole.
    pub(super) fn missing(&mut self, message: &str, hint: &str) {
        let hint = Some(hint.to_owned());
        self.push(Severity::Error, None, message.to_owned(), hint);
    }

    /// Takes over what was found elsewhere.
    pub(super) fn take(&mut self, other: Self) {
        for problem in other.found {
            self.push(
                problem.severity,
                problem.span,
                problem.message,
                problem.hint,
            );
        }
    }

    /// Takes over what was found in a part of the file that is switched off: whoever switches it on
    /// will want to know, but it forbids nothing.
    pub(super) fn take_as_notes(&mut self, off: Self) {
        for problem in off.found {
            self.push(Severity::Note, problem.span, problem.message, problem.hint);
        }
    }

    fn push(
        &mut self,
        severity: Severity,
        span: Option<Span>,
        message: String,
        hint: Option<String>,
    ) {
        let kept = match severity {
            Severity::Error => &mut self.errors,
            Severity::Note => &mut self.notes,
        };
        if *kept == MOST_KEPT {
            return;
        }
        let problem = Problem {
            severity,
            message,
            span,
            hint,
        };
        // What [bandwidth] says is checked for each link that takes it over, but told once.
        if !self.found.contains(&problem) {
            *kept += 1;
            self.found.push(problem);
        }
    }

    /// Every problem, in the order of the file; what has no place comes last.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| {
            let start = problem.span.as_ref().map_or(usize::MAX, |span| span.start);
            (start, problem.severity)
        });
        self.found
    }
}

//! The doctor's findings for people: a line each, and its cure below.

use super::finding::{Finding, Grade};
use crate::grid::printable;

/// The findings, each line with its line feed.
pub(super) fn render(findings: &[Finding], color: bool) -> String {
    let subjects: Vec<String> = findings.iter().map(subject).collect();
    let width = subjects.iter().map(|subject| subject.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut out = String::new();
    for (finding, subject) in findings.iter().zip(&subjects) {
        let word = format!("{:7}", finding.grade.word());
        let word = match (color, code(finding.grade)) {
            (true, Some(code)) => format!("\x1b[{code}m{word}\x1b[0m"),
            _ => word,
        };
        let found = printable(&finding.found);
        out.push_str(&format!("{word}  {subject:width$}  {found}\n"));
        if let Some(cure) = &finding.cure {
            out.push_str(&format!(
                "{:9}{:width$}  cure: {}\n",
                "",
                "",
                printable(cure)
            ));
        }
    }
    out
}

fn subject(finding: &Finding) -> String {
    match &finding.interface {
        Some(interface) => format!("{} {}", finding.check, printable(interface)),
        None => finding.check.to_owned(),
    }
}

const fn code(grade: Grade) -> Option<u8> {
    match grade {
        Grade::Ok => Some(32),
        Grade::Note => None,
        Grade::Warning => Some(33),
        Grade::Fault => Some(31),
    }
}

/// How it stands, in a sentence.
pub(super) fn summary(findings: &[Finding]) -> String {
    let count = |grade| {
        findings
            .iter()
            .filter(|finding| finding.grade == grade)
            .count()
    };
    let some = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    match (count(Grade::Fault), count(Grade::Warning)) {
        (0, 0) => "all is well".to_owned(),
        (0, warnings) => format!(
            "{}: the promise holds as long as that does not matter",
            some(warnings, "warning")
        ),
        (faults, 0) => format!("{}: the promise does not hold", some(faults, "fault")),
        (faults, warnings) => format!(
            "{} and {}: the promise does not hold",
            some(faults, "fault"),
            some(warnings, "warning")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("bus", "can be reached"),
            Finding::fault("qdisc", 1, "htb 1: is in the way", "take\x1bit off").on("eth0"),
        ]
    }

    #[test]
    fn each_finding_is_a_line_with_its_cure_below() {
        let expected = "ok       bus         can be reached\n\
                        FAULT    qdisc eth0  htb 1: is in the way\n\
                        \x20                    cure: take?it off\n";
        assert_eq!(render(&findings(), false), expected);
        assert!(render(&findings(), true).contains("\x1b[31mFAULT  \x1b[0m"));
    }

    #[test]
    fn the_summary_counts_what_matters() {
        assert_eq!(summary(&findings()[..1]), "all is well");
        assert_eq!(summary(&findings()), "1 fault: the promise does not hold");
        let warned = [Finding::warning("clock", "x", "y"), Finding::note("a", "b")];
        assert!(summary(&warned).starts_with("1 warning: "));
    }
}

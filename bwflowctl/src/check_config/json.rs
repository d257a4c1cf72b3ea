//! The check for programs.

use bwflow_proto::config::{Link, Problem, Rejected, Severity, Throttle, position};
use serde::Serialize;

use super::Right;
use super::file::Unreadable;
use super::spend::{Guard, guard};
use crate::failure::Failure;

#[derive(Serialize)]
struct Check<'a> {
    version: u32,
    file: &'a str,
    /// Whether the services would use the file.
    valid: bool,
    problems: Vec<Told<'a>>,
    /// Empty when the file is not valid.
    links: Vec<Plan<'a>>,
    /// Null while the guard is switched off, or the file is not valid.
    spend: Option<Guard<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    /// `error` or `note`.
    severity: &'static str,
    message: &'a str,
    /// Both from 1, the column in characters; null when something is missing from the file.
    line: Option<usize>,
    column: Option<usize>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct Plan<'a> {
    interface: &'a str,
    budget_bytes: u64,
    burst_bytes: u64,
    billing_day: i8,
    timezone: Option<&'a str>,
    counted: &'static str,
    /// Null for the drip.
    rate_bytes_per_second: Option<u64>,
    min_rate_bytes_per_second: u64,
    /// Networks in CIDR notation.
    exclude: Vec<String>,
}

/// One document with a line feed at the end.
pub(super) fn render(file: &str, checked: Result<&Right, &Rejected>) -> Result<String, Failure> {
    let (text, problems, links) = match checked {
        Ok(right) => (
            right.text.as_str(),
            right.notes.as_slice(),
            right.config.links.as_slice(),
        ),
        Err(rejected) => (rejected.text(), rejected.problems(), [].as_slice()),
    };
    let check = Check {
        version: 1,
        file,
        valid: checked.is_ok(),
        problems: problems.iter().map(|told| told_in(told, text)).collect(),
        links: links.iter().map(plan).collect(),
        spend: checked
            .ok()
            .and_then(|right| right.config.spend.as_ref())
            .map(guard),
    };
    document(&check)
}

/// The document for a file that could not be read.
pub(super) fn unreadable(file: &str, unreadable: &Unreadable) -> Result<String, Failure> {
    document(&Check {
        version: 1,
        file,
        valid: false,
        problems: vec![Told {
            severity: Severity::Error.as_str(),
            message: &unreadable.message,
            line: None,
            column: None,
            hint: unreadable.hint,
        }],
        links: Vec::new(),
        spend: None,
    })
}

fn document(check: &Check<'_>) -> Result<String, Failure> {
    let mut text =
        serde_json::to_string_pretty(check).map_err(|error| Failure::Failed(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn told_in<'a>(problem: &'a Problem, text: &str) -> Told<'a> {
    let place = position(problem, text);
    Told {
        severity: problem.severity.as_str(),
        message: &problem.message,
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        hint: problem.hint.as_deref(),
    }
}

fn plan(link: &Link) -> Plan<'_> {
    Plan {
        interface: &link.interface,
        budget_bytes: link.budget_bytes,
        burst_bytes: link.burst_bytes,
        billing_day: link.billing_day,
        timezone: link.timezone.iana_name(),
        counted: link.count.as_str(),
        rate_bytes_per_second: match link.throttle {
            Throttle::Drip => None,
            Throttle::Rate(rate) => Some(rate),
        },
        min_rate_bytes_per_second: link.min_rate,
        exclude: link.exclude.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::check_config::check;

    fn rendered(text: &str) -> Value {
        let checked = check("c.toml", text.as_bytes());
        serde_json::from_str(&render("c.toml", checked.as_ref()).unwrap()).unwrap()
    }

    #[test]
    fn a_right_file_is_shown_with_its_notes() {
        let text = "bandwidth.monthly_budget_gb = 100\nbandwidth.count = \"rx\"\n\
                    bandwidth.exclude = [\"10.0.0.0/8\"]\nnetwork.interface = \"eth0\"\n";
        let checked = rendered(text);
        assert_eq!(checked["valid"], true);
        assert_eq!(checked["problems"][0]["severity"], "note");
        assert_eq!(checked["problems"][0]["line"], 2);
        assert_eq!(
            checked["links"],
            json!([{
                "interface": "eth0",
                "budget_bytes": 100_000_000_000_u64,
                "burst_bytes": 50_000_000_000_u64,
                "billing_day": 1,
                "timezone": "UTC",
                "counted": "rx",
                "rate_bytes_per_second": null,
                "min_rate_bytes_per_second": 8000,
                "exclude": ["10.0.0.0/8"],
            }])
        );
    }

    #[test]
    fn a_wrong_file_is_shown_with_its_errors() {
        let checked = rendered("[bandwith]\nmonthly_budget_gb = 100\n");
        assert_eq!(
            checked,
            json!({
                "version": 1,
                "file": "c.toml",
                "valid": false,
                "problems": [
                    {
                        "severity": "error",
                        "message": "unknown table `[bandwith]`",
                        "line": 1,
                        "column": 2,
                        "hint": "did you mean `[bandwidth]`?",
                    },
                    {
                        "severity": "error",
                        "message": "no link is named",
                        "line": null,
                        "column": null,
                        "hint": "add [network] with interface = \"eth0\", or the name that \
                                 `ip route` shows after `dev`",
                    },
                ],
                "links": [],
                "spend": null,
            })
        );
    }
}

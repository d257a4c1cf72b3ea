//! The doctor's findings as JSON.

use serde::Serialize;

use super::finding::{Finding, exit_code};
use crate::failure::Failure;

/// More keys may be added; these stay.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    exit_code: u8,
    checks: &'a [Finding],
}

/// One document, with its line feed.
pub(super) fn render(findings: &[Finding]) -> Result<String, Failure> {
    let document = Document {
        version: VERSION,
        exit_code: exit_code(findings),
        checks: findings,
    };
    let text = serde_json::to_string(&document)
        .map_err(|error| Failure::Failed(format!("cannot write JSON: {error}")))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_first_fault_decides_what_is_exited_with() {
        let findings = [
            Finding::ok("bus", "can be reached"),
            Finding::fault("bwflowd", 3, "is not running", "start it").on("eth0"),
            Finding::fault("disk", 1, "full", "make room"),
        ];
        let expected = concat!(
            r#"{"version":1,"exit_code":3,"checks":["#,
            r#"{"check":"bus","interface":null,"grade":"ok","found":"can be reached","cure":null,"#,
            r#""exit_code":0},"#,
            r#"{"check":"bwflowd","interface":"eth0","grade":"fault","found":"is not running","#,
            r#""cure":"start it","exit_code":3},"#,
            r#"{"check":"disk","interface":null,"grade":"fault","found":"full","cure":"make room","#,
            r#""exit_code":1}]}"#,
            "\n",
        );
        assert_eq!(render(&findings).unwrap(), expected);
    }
}

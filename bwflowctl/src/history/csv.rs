//! The past as comma-separated values (RFC 4180, with line feeds).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Past;
use crate::time::rfc3339;

const HEADER: &str = "interface,start,end,tx_bytes,rx_bytes,used_bytes,source\n";

/// A header and one line a row.
pub(super) fn render(pasts: &[Past]) -> String {
    let mut out = HEADER.to_owned();
    for past in pasts {
        let interface = quoted(&past.interface);
        for row in &past.rows {
            let _ = writeln!(
                out,
                "{interface},{},{},{},{},{},{}",
                rfc3339(row.start_usec).unwrap_or_default(),
                rfc3339(row.end_usec).unwrap_or_default(),
                row.tx_bytes,
                row.rx_bytes,
                row.used_bytes,
                quoted(&row.source),
            );
        }
    }
    out
}

/// A name may hold anything but a slash and white space.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::past;

    #[test]
    fn every_row_is_a_line_and_every_name_a_field() {
        let mut odd = past();
        odd.interface = "a,\"b\"".to_owned();
        odd.rows.truncate(1);
        let text = render(&[past(), odd]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines[1],
            "wan0,2026-11-21T23:00:00Z,2026-11-22T23:00:00Z,8000000000,800000000,8000000000,bwflow"
        );
        assert!(lines[4].starts_with("\"a,\"\"b\"\"\",2026-"), "{text}");
        assert_eq!(render(&[]), HEADER);
    }
}

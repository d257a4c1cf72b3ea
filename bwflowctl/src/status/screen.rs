//! The status on one screen.

use bwflow_proto::state::LinkState;
use bwflow_proto::units::{format_rate, format_signed_bytes};
use jiff::tz::TimeZone;

use crate::grid::{Column, Grid};
use crate::snapshot::{LinkRecord, Snapshot};
use crate::time::{local, zone};

/// Every link in a line, and what is missing for the whole to work.
pub(super) fn render(snapshot: &Snapshot, color: bool) -> String {
    use Column::{Figures, State, Words};
    if !snapshot.has_daemon {
        return format!("{}\n", super::WAITING);
    }
    let mut out = String::new();
    if snapshot.links.is_empty() {
        out.push_str("no link has a budget yet\n");
    } else {
        let mut grid = Grid::new(vec![
            ("LINK", Words),
            ("STATE", State),
            ("LIMIT", Figures),
            ("AVAILABLE", Figures),
            ("SINCE", Words),
            ("UNTIL", Words),
            ("WHY", Words),
        ]);
        for link in &snapshot.links {
            grid.push(row(link));
        }
        out.push_str(&grid.render(color));
    }
    if !snapshot.has_helper {
        out.push_str(&format!("\n{}\n", snapshot.without_helper()));
    }
    out
}

fn row(link: &LinkRecord) -> Vec<String> {
    let zone = link
        .ledger
        .as_ref()
        .map_or(TimeZone::UTC, |ledger| zone(&ledger.timezone));
    let limit = match link.limit_bytes_per_second {
        0 => "none".to_owned(),
        limit => format_rate(limit),
    };
    let is_held = matches!(
        link.state.parse(),
        Ok(LinkState::Armed | LinkState::Throttled)
    );
    let until = link.ledger.as_ref().filter(|_| is_held);
    vec![
        link.interface.clone(),
        link.state.clone(),
        limit,
        link.available_bytes()
            .map_or_else(|| "-".to_owned(), format_signed_bytes),
        local(link.state_since_usec, &zone),
        until.map_or_else(
            || "-".to_owned(),
            |ledger| local(ledger.period_end_usec, &zone),
        ),
        link.reason(),
    ]
}

#[cfg(test)]
mod tests {
    use bwflow_proto::grant::Grant;
    use bwflow_proto::ledger::LedgerView;

    use super::*;

    #[test]
    fn a_screen_says_what_and_why_and_until_when() {
        let snapshot = Snapshot {
            has_daemon: true,
            has_helper: false,
            links: vec![
                LinkRecord {
                    interface: "eth0".to_owned(),
                    state: "throttled".to_owned(),
                    state_since_usec: 1_795_305_660_000_000,
                    limit_bytes_per_second: 125_000,
                    grant: Some(Grant::default()),
                    ledger: Some(LedgerView {
                        timezone: "UTC".to_owned(),
                        available_bytes: -1_200_000_000,
                        period_end_usec: 1_796_083_200_000_000,
                        ..LedgerView::default()
                    }),
                    ..LinkRecord::default()
                },
                LinkRecord {
                    interface: "wg0".to_owned(),
                    state: "absent".to_owned(),
                    ..LinkRecord::default()
                },
            ],
        };
        assert_eq!(
            render(&snapshot, false),
            "\
LINK  STATE         LIMIT  AVAILABLE  SINCE                 UNTIL           WHY
eth0  throttled  1 Mbit/s    -1.2 GB  2026-11-22 00:01 UTC  2026-12-01 UTC  all that has accrued is used
wg0   absent         none          -  -                     -               no such interface

bwflow-helper is not running: the last grants are carried on
"
        );
    }

    #[test]
    fn grants_that_never_were_are_not_carried_on() {
        let snapshot = Snapshot {
            has_daemon: true,
            ..Snapshot::default()
        };
        let screen = render(&snapshot, false);
        assert!(
            screen
                .starts_with("no link has a budget yet\n\nbwflow-helper is not running; start it"),
            "{screen}"
        );
        assert!(!screen.contains("grants"), "{screen}");
    }

    #[test]
    fn without_a_daemon_it_waits() {
        assert_eq!(render(&Snapshot::default(), true), "waiting for bwflowd\n");
    }
}

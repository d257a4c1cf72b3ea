//! The status on one screen.

use bwflow_proto::units::{format_rate, format_signed_bytes};

use crate::by_hand::{self, WIDTH, paragraph};
use crate::grid::{Column, Grid, printable};
use crate::snapshot::{LinkRecord, Snapshot};
use crate::time::{end, local};

/// Every link in a line, what was decided by hand, and what is missing for the whole to work.
pub(super) fn render(snapshot: &Snapshot, color: bool) -> String {
    if !snapshot.has_daemon {
        return format!("{}\n", super::WAITING);
    }
    let mut out = String::new();
    if snapshot.links.is_empty() {
        out.push_str("no link has a budget yet\n");
    } else {
        out.push_str(&links(&snapshot.links, color));
    }
    if !snapshot.has_helper {
        out.push_str(&format!("\n{}\n", snapshot.without_helper()));
    }
    out
}

/// With the reasons beside the figures if they fit, else below them.
fn links(links: &[LinkRecord], color: bool) -> String {
    let is_wide = |text: &str| text.lines().any(|line| line.chars().count() > WIDTH);
    let faults = links.iter().filter_map(LinkRecord::exclusion_note);
    let notes: Vec<String> = links
        .iter()
        .flat_map(by_hand::notes)
        .chain(faults)
        .collect();
    let beside = grid(links, true);
    if !is_wide(&beside.render(false)) {
        return beside.render(color) + &paragraph(&notes);
    }
    let reasons = links.iter().filter_map(|link| {
        let reason = link.short_reason();
        // A decision by hand is told in full.
        let is_told = reason.is_empty() || link.claim_in_force().is_some();
        (!is_told).then(|| format!("{}: {reason}", printable(&link.interface)))
    });
    let lines: Vec<String> = reasons.chain(notes).collect();
    grid(links, false).render(color) + &paragraph(&lines)
}

fn grid(links: &[LinkRecord], with_reasons: bool) -> Grid {
    use Column::{Figures, State, Words};
    let mut columns = vec![
        ("LINK", Words),
        ("STATE", State),
        ("LIMIT", Figures),
        ("AVAILABLE", Figures),
        ("SINCE", Words),
        ("UNTIL", Words),
    ];
    columns.extend(with_reasons.then_some(("WHY", Words)));
    let mut grid = Grid::new(columns);
    for link in links {
        let mut cells = row(link);
        cells.extend(with_reasons.then(|| link.short_reason()));
        grid.push(cells);
    }
    grid
}

fn row(link: &LinkRecord) -> Vec<String> {
    let zone = link.zone();
    let limit = match link.limit_bytes_per_second {
        0 => "none".to_owned(),
        limit => format_rate(limit),
    };
    let until = match (link.until_usec(), link.claim_in_force()) {
        (0, Some(_)) => "cleared".to_owned(),
        (time, _) => end(time, &zone, link.read_usec),
    };
    vec![
        link.interface.clone(),
        link.state.clone(),
        limit,
        link.available_bytes()
            .map_or_else(|| "-".to_owned(), format_signed_bytes),
        local(link.state_since_usec, &zone),
        until,
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::grant::Grant;
    use bwflow_proto::ledger::LedgerView;

    use super::*;
    use crate::by_hand::tests::decided;

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
LINK  STATE         LIMIT  AVAILABLE  SINCE                 UNTIL
eth0  throttled  1 Mbit/s    -1.2 GB  2026-11-22 00:01 UTC  2026-12-01 00:00 UTC
wg0   absent         none          -  -                     -

eth0: all that has accrued is used
wg0: no such interface

bwflow-helper is not running: the last grants are carried on; if it does not start, see `bwflowctl check-config`
"
        );
    }

    #[test]
    fn what_was_decided_by_hand_stands_below_and_fits_a_terminal() {
        let mut link = decided();
        link.throttle.as_mut().unwrap().reason = "why ".repeat(50).trim().to_owned();
        let snapshot = Snapshot {
            has_daemon: true,
            has_helper: true,
            links: vec![link],
        };
        assert_eq!(
            render(&snapshot, false),
            "\
LINK  STATE      LIMIT  AVAILABLE  SINCE  UNTIL
wan0  manual  5 Mbit/s          -  -      2026-11-22 18:00 UTC

wan0: throttle of 5 Mbit/s by alice, set 2026-11-22 00:00 UTC, until 2026-11-22
  18:00 UTC: why why why why why why why why why why why why why why why why why
  why why why why why why why why why why why why why why why why why why why
  why why why why why why why why why why why why why why
wan0: override without limit by root, set 2026-11-22 00:00 UTC, until it is
  cleared
wan0: top-up of 10 GB by uid 1001, added 2026-11-22 00:00 UTC, not booked yet
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

//! The report for people: what is now, then this period.

use bwflow_proto::ledger::LedgerView;
use bwflow_proto::units::{format_bytes, format_rate, format_signed_bytes};

use crate::by_hand;
use crate::grid::{Column, Grid};
use crate::snapshot::LinkRecord;
use crate::time::{in_year, span, zone};

/// Stands for what is not known or not there.
const NONE: &str = "-";

/// Three tables and what was decided by hand, all within 80 columns; nothing at all for no link.
pub(super) fn render(links: &[LinkRecord], color: bool) -> String {
    if links.is_empty() {
        return String::new();
    }
    let grids = [now(links), accrual(links), period(links)];
    let faults = links.iter().filter_map(LinkRecord::exclusion_note);
    let notes: Vec<String> = links
        .iter()
        .flat_map(by_hand::notes)
        .chain(faults)
        .chain(links.iter().filter_map(LinkRecord::cap_note))
        .collect();
    grids.map(|grid| grid.render(color)).join("\n") + &by_hand::paragraph(&notes)
}

/// What is held and what is left.
fn now(links: &[LinkRecord]) -> Grid {
    use Column::{Figures, State, Words};
    let mut grid = Grid::new(vec![
        ("LINK", Words),
        ("STATE", State),
        ("LIMIT", Figures),
        ("USED", Figures),
        ("BUDGET", Figures),
        ("USED %", Figures),
        ("AVAILABLE", Figures),
    ]);
    for link in links {
        let ledger = link.ledger.as_ref();
        let limit = match link.limit_bytes_per_second {
            0 => "none".to_owned(),
            limit => format_rate(limit),
        };
        grid.push(vec![
            link.interface.clone(),
            link.state.clone(),
            limit,
            shown(ledger, |ledger| format_bytes(ledger.used_bytes)),
            shown(ledger, |ledger| format_bytes(budget(ledger))),
            shown(ledger, percent),
            shown(link.available_bytes(), format_signed_bytes),
        ]);
    }
    grid
}

/// What comes in, and where it leads.
fn accrual(links: &[LinkRecord]) -> Grid {
    use Column::{Figures, Words};
    let mut grid = Grid::new(vec![
        ("LINK", Words),
        ("BURST", Figures),
        ("DRIP", Figures),
        ("ACCRUED", Figures),
        ("FORECAST", Figures),
        ("RUNS OUT", Words),
    ]);
    for link in links {
        let ledger = link.ledger.as_ref();
        grid.push(vec![
            link.interface.clone(),
            shown(ledger, |ledger| format_bytes(ledger.burst_bytes)),
            shown(link.drip_bytes_per_second(), format_rate),
            shown(ledger, |ledger| format_bytes(ledger.accrued_bytes)),
            shown(ledger, |ledger| format_bytes(ledger.forecast_bytes)),
            shown(ledger, runs_out),
        ]);
    }
    grid
}

/// What the figures are of.
fn period(links: &[LinkRecord]) -> Grid {
    use Column::{Figures, Words};
    let ledgers = || links.iter().filter_map(|link| link.ledger.as_ref());
    let has_topup = ledgers().any(|ledger| ledger.topup_bytes != 0);
    let has_correction = ledgers().any(|ledger| ledger.bill_correction_bytes != 0);
    let excluded = |ledger: &LedgerView| ledger.excluded_bytes.unwrap_or(0);
    let has_excluded = ledgers().any(|ledger| excluded(ledger) != 0);
    let mut columns = vec![("LINK", Words), ("PERIOD", Words)];
    if has_topup {
        columns.push(("TOP-UP", Figures));
    }
    if has_correction {
        columns.push(("CORRECTION", Figures));
    }
    if has_excluded {
        columns.push(("EXCLUDED", Figures));
    }
    columns.extend([("COUNTED", Words), ("SOURCE", Words), ("AS OF", Words)]);
    let mut grid = Grid::new(columns);
    for link in links {
        let ledger = link.ledger.as_ref();
        let mut cells = vec![link.interface.clone(), shown(ledger, edges)];
        if has_topup {
            cells.push(shown(ledger, |ledger| format_bytes(ledger.topup_bytes)));
        }
        if has_correction {
            cells.push(shown(ledger, |ledger| {
                format_signed_bytes(ledger.bill_correction_bytes)
            }));
        }
        if has_excluded {
            cells.push(shown(ledger, |ledger| format_bytes(excluded(ledger))));
        }
        cells.extend([
            shown(link.counted(), str::to_owned),
            shown(ledger, |ledger| ledger.source.clone()),
            shown(ledger, |ledger| {
                in_year(ledger.updated_at_usec, &zone(&ledger.timezone))
            }),
        ]);
        grid.push(cells);
    }
    grid
}

fn shown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), show)
}

/// What may be used in this period.
const fn budget(ledger: &LedgerView) -> u64 {
    ledger.budget_bytes.saturating_add(ledger.topup_bytes)
}

/// Rounded down: 100 % is reached, not nearly reached.
fn percent(ledger: &LedgerView) -> String {
    match u128::from(budget(ledger)) {
        0 => NONE.to_owned(),
        budget => format!("{} %", u128::from(ledger.used_bytes) * 100 / budget),
    }
}

fn runs_out(ledger: &LedgerView) -> String {
    if ledger.available_bytes <= 0 {
        return "has run out".to_owned();
    }
    match ledger.exhausted_at_usec {
        0 => "not this period".to_owned(),
        time => in_year(time, &zone(&ledger.timezone)),
    }
}

fn edges(ledger: &LedgerView) -> String {
    span(
        ledger.period_start_usec,
        ledger.period_end_usec,
        &zone(&ledger.timezone),
    )
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// 2026-11-01T00:00:00Z.
    const START: u64 = 1_793_491_200_000_000;

    const DAY: u64 = 86_400_000_000;

    pub(in crate::report) fn ledger() -> LedgerView {
        LedgerView {
            period_start_usec: START,
            period_end_usec: START + 30 * DAY,
            timezone: "UTC".to_owned(),
            budget_bytes: 100_000_000_000,
            burst_bytes: 50_000_000_000,
            used_bytes: 86_500_000_000,
            tx_bytes: 86_500_000_000,
            live_bytes: 86_500_000_000,
            rx_bytes: 3_000_000_000,
            accrued_bytes: 85_300_000_000,
            available_bytes: -1_200_000_000,
            drip_bytes_per_second: 19_290,
            source: "kernel".to_owned(),
            counted: "tx".to_owned(),
            forecast_bytes: 122_000_000_000,
            updated_at_usec: START + 21 * DAY + DAY * 45 / 240,
            ..LedgerView::default()
        }
    }

    pub(in crate::report) fn record(
        interface: &str,
        state: &str,
        ledger: Option<LedgerView>,
    ) -> LinkRecord {
        LinkRecord {
            interface: interface.to_owned(),
            state: state.to_owned(),
            state_since_usec: START + 21 * DAY,
            ledger,
            ..LinkRecord::default()
        }
    }

    #[test]
    fn a_link_that_the_spend_guard_caps_says_so() {
        let mut capped = record("eth0", "armed", Some(ledger()));
        capped.limit_bytes_per_second = 2_500_000;
        capped.grant = Some(bwflow_proto::grant::Grant {
            peak_bytes_per_second: 2_500_000,
            ..Default::default()
        });
        let text = render(&[capped], false);
        let note = "\neth0: capped to 20 Mbit/s by the spend guard, see `bwflowctl spend`\n";
        assert!(text.ends_with(note), "{text}");
    }

    #[test]
    fn debt_plenty_and_nothing_known_stand_side_by_side() {
        let mut eth0 = record("eth0", "throttled", Some(ledger()));
        eth0.limit_bytes_per_second = 18_667;
        let wwan0 = record(
            "wwan0",
            "open",
            Some(LedgerView {
                timezone: "Europe/Berlin".to_owned(),
                period_start_usec: START - DAY / 24,
                period_end_usec: START + 30 * DAY - DAY / 24,
                used_bytes: 12_400_000_000,
                available_bytes: 72_900_000_000,
                exhausted_at_usec: START + 28 * DAY,
                topup_bytes: 5_000_000_000,
                bill_correction_bytes: -20_000_000,
                ..ledger()
            }),
        );
        let links = [eth0, wwan0, record("wg0", "absent", None)];
        assert_eq!(
            render(&links, false),
            "\
LINK   STATE           LIMIT     USED  BUDGET  USED %  AVAILABLE
eth0   throttled  149 kbit/s  86.5 GB  100 GB    86 %    -1.2 GB
wwan0  open             none  12.4 GB  105 GB    11 %    72.9 GB
wg0    absent           none        -       -       -          -

LINK   BURST        DRIP  ACCRUED  FORECAST  RUNS OUT
eth0   50 GB  154 kbit/s  85.3 GB    122 GB  has run out
wwan0  50 GB  154 kbit/s  85.3 GB    122 GB  11-29 01:00 CET
wg0        -           -        -         -  -

LINK   PERIOD              TOP-UP  CORRECTION  COUNTED  SOURCE  AS OF
eth0   11-01 to 12-01 UTC     0 B         0 B  tx       kernel  11-22 04:30 UTC
wwan0  11-01 to 12-01 CET    5 GB      -20 MB  tx       kernel  11-22 05:30 CET
wg0    -                        -           -  -        -       -
"
        );
    }

    #[test]
    fn thirty_links_are_thirty_lines_thrice() {
        let links: Vec<LinkRecord> = (0..30)
            .map(|n| record(&format!("veth{n}"), "open", Some(ledger())))
            .collect();
        let text = render(&links, false);
        assert_eq!(text.lines().count(), 3 * 31 + 2);
        for n in 0..30 {
            let name = format!("veth{n} ");
            assert_eq!(
                text.lines().filter(|line| line.starts_with(&name)).count(),
                3
            );
        }
        assert!(text.lines().all(|line| !line.ends_with(' ')));
    }

    #[test]
    fn the_widest_usual_figures_fit_a_terminal() {
        let mut link = record(
            "enp195s0f3u1u2",
            "overridden",
            Some(LedgerView {
                timezone: "Europe/Berlin".to_owned(),
                period_start_usec: START - 31 * DAY - DAY / 12,
                period_end_usec: START - DAY / 24,
                budget_bytes: 1_650_000_000_000,
                used_bytes: 1_120_000_000_000,
                available_bytes: -999_000_000,
                exhausted_at_usec: 0,
                ..ledger()
            }),
        );
        link.limit_bytes_per_second = 15_600_000;
        let text = render(&[link], false);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(text.contains("10-01 CEST to 11-01 CET"), "{text}");
    }

    #[test]
    fn decisions_by_hand_stand_below_the_figures() {
        let link = by_hand::tests::decided();
        let text = render(&[link], false);
        let (_, notes) = text.rsplit_once("\n\n").unwrap();
        assert_eq!(
            notes,
            "\
wan0: throttle of 5 Mbit/s by alice, set 2026-11-22 00:00 UTC, until 2026-11-22
  18:00 UTC: backup runs
wan0: override without limit by root, set 2026-11-22 00:00 UTC, until it is
  cleared
wan0: top-up of 10 GB by uid 1001, added 2026-11-22 00:00 UTC, not booked yet
"
        );
    }

    #[test]
    fn no_link_is_no_table() {
        assert_eq!(render(&[], false), "");
    }

    #[test]
    fn extremes_are_shown() {
        let extreme = LedgerView {
            period_start_usec: u64::MAX,
            budget_bytes: u64::MAX,
            topup_bytes: u64::MAX,
            used_bytes: u64::MAX,
            available_bytes: i64::MIN,
            bill_correction_bytes: i64::MIN,
            drip_bytes_per_second: u64::MAX,
            timezone: "Middle/Earth".to_owned(),
            ..ledger()
        };
        assert!(render(&[record("x", "later-word", Some(extreme))], true).contains("100 %"));
    }
}

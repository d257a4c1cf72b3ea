//! The past for people: a table with bars for each link, and what was decided by hand.

use bwflow_proto::history::{Change, Resolution, Row};
use bwflow_proto::units::{format_bytes, format_signed_bytes};
use jiff::tz::TimeZone;

use super::Past;
use super::bar::{Ink, bar};
use crate::by_hand::{WIDTH, paragraph};
use crate::grid::{Column, Grid, printable};
use crate::output::Output;
use crate::time::{local, local_day, zone};

/// Bars that would be shorter are left out, longer ones tell no more.
const BARS: std::ops::RangeInclusive<usize> = 6..=50;

/// How it may look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) color: bool,
    pub(super) ink: Ink,
}

impl Look {
    /// As the terminal allows it; a pipe is as wide as most terminals.
    pub(super) fn of(output: &Output) -> Self {
        let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self {
            width: columns.filter(|_| output.is_terminal()).unwrap_or(WIDTH),
            color: output.has_color(),
            ink: Ink::of_locale(),
        }
    }
}

/// A paragraph for each link that has a past.
pub(super) fn render(pasts: &[Past], resolution: Resolution, look: Look) -> String {
    let pasts = pasts.iter().filter(|past| !past.is_empty());
    let texts: Vec<String> = pasts.map(|past| link(past, resolution, look)).collect();
    texts.join("\n")
}

fn link(past: &Past, resolution: Resolution, look: Look) -> String {
    let zone = zone(&past.timezone);
    let what = match resolution {
        Resolution::Hours => "hours",
        Resolution::Days => "days",
        Resolution::Months => "billing periods",
    };
    let mut out = format!(
        "{}: {what}, {}, counted: {}\n",
        printable(&past.interface),
        past.timezone,
        past.counted
    );
    if !past.rows.is_empty() {
        out.push_str(&rows(past, resolution, look, &zone));
    }
    let changes = past.changes.iter().map(|it| change(it, &zone));
    out + &paragraph(&changes.collect::<Vec<_>>())
}

fn rows(past: &Past, resolution: Resolution, look: Look, zone: &TimeZone) -> String {
    use Column::{Figures, Words};
    let title = match resolution {
        Resolution::Hours => "HOUR",
        Resolution::Days => "DAY",
        Resolution::Months => "PERIOD",
    };
    let has_others = past.rows.iter().any(|row| row.source != "bwflow");
    let mut columns = vec![
        (title, Words),
        ("SENT", Figures),
        ("RECEIVED", Figures),
        ("USED", Figures),
    ];
    if has_others {
        columns.push(("SOURCE", Words));
    }
    let mut grid = Grid::new(columns);
    let mut push = |label: String, sums: [u64; 3], source: &str| {
        let mut cells = vec![label];
        cells.extend(sums.map(format_bytes));
        if has_others {
            cells.push(source.to_owned());
        }
        grid.push(cells);
    };
    for row in &past.rows {
        push(label(row, resolution, zone), figures(row), &row.source);
    }
    let total = past
        .rows
        .iter()
        .map(figures)
        .fold([0; 3], |sum: [u64; 3], it| {
            std::array::from_fn(|n| sum[n].saturating_add(it[n]))
        });
    push("total".to_owned(), total, "");
    with_bars(
        &grid.render(false),
        &past.rows,
        look,
        grid.render(look.color),
    )
}

const fn figures(row: &Row) -> [u64; 3] {
    [row.tx_bytes, row.rx_bytes, row.used_bytes]
}

/// The rendered table with a bar beside each row; `plain` is the same without colours.
fn with_bars(plain: &str, rows: &[Row], look: Look, rendered: String) -> String {
    let lengths: Vec<usize> = plain.lines().map(|line| line.chars().count()).collect();
    let table = lengths.iter().max().map_or(0, |length| length + 2);
    let room = look.width.saturating_sub(table).min(*BARS.end());
    if room < *BARS.start() {
        return rendered;
    }
    let most = rows.iter().map(|row| row.used_bytes).max().unwrap_or(0);
    let mut out = String::new();
    for (at, line) in rendered.lines().enumerate() {
        out.push_str(line);
        // The first line is the header, the last the total.
        let row = at.checked_sub(1).and_then(|at| rows.get(at));
        let bar = row.map(|row| bar(row.used_bytes, most, room, look.ink));
        if let (Some(bar), Some(length)) = (bar.filter(|bar| !bar.is_empty()), lengths.get(at)) {
            out.push_str(&" ".repeat(table - length));
            out.push_str(&bar);
        }
        out.push('\n');
    }
    out
}

/// `2026-11-22 14:00 CET`, `2026-11-22 Sun` or `2026-11-01 to 2026-11-30`; what was counted more
/// coarsely is said as its own stretch.
fn label(row: &Row, resolution: Resolution, zone: &TimeZone) -> String {
    const HOUR: u64 = 3_600_000_000;
    let is_hour = row.end_usec - row.start_usec.min(row.end_usec) <= HOUR;
    match resolution {
        Resolution::Hours if is_hour => local(row.start_usec, zone),
        Resolution::Days => {
            let (first, last) = days(row, zone);
            if first == last {
                format!("{first} {}", weekday(row.start_usec, zone))
            } else {
                format!("{first} to {last}")
            }
        }
        Resolution::Hours | Resolution::Months => {
            let (first, last) = days(row, zone);
            format!("{first} to {last}")
        }
    }
}

/// The first and the last day of a row.
fn days(row: &Row, zone: &TimeZone) -> (String, String) {
    let last = row.end_usec.saturating_sub(1).max(row.start_usec);
    let day = |usec| local_day(usec, zone, "%Y-%m-%d");
    (day(row.start_usec), day(last))
}

fn weekday(usec: u64, zone: &TimeZone) -> String {
    local_day(usec, zone, "%a")
}

fn change(change: &Change, zone: &TimeZone) -> String {
    let what = match change.kind.as_str() {
        "topup" => format!("top-up of {}", format_signed_bytes(change.bytes)),
        "correction" if change.bytes > 0 => {
            format!("correction of +{}", format_signed_bytes(change.bytes))
        }
        kind => format!("{kind} of {}", format_signed_bytes(change.bytes)),
    };
    let owner = match change.owner.as_str() {
        "" => String::new(),
        owner => format!(" by {owner}"),
    };
    let reason = match change.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("{}: {what}{owner}{reason}", local(change.at_usec, zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::{DAY, MIDNIGHT, past};

    const PLAIN: Look = Look {
        width: 60,
        color: false,
        ink: Ink::Ascii,
    };

    #[test]
    fn days_have_bars_a_total_and_what_was_decided_by_hand() {
        assert_eq!(
            render(&[past(), Past::default()], Resolution::Days, PLAIN),
            "\
wan0: days, Europe/Berlin, counted: tx
DAY                SENT  RECEIVED     USED
2026-11-22 Sun     8 GB    800 MB     8 GB  ################
2026-11-23 Mon     1 MB    100 kB     1 MB  #
2026-11-25 Wed  4.25 GB    425 MB  4.25 GB  #########
total           12.3 GB   1.23 GB  12.3 GB

2026-11-22 12:00 CET: top-up of 10 GB by alice: release day
2026-11-23 00:00 CET: correction of -2 GB
"
        );
    }

    #[test]
    fn periods_and_hours_are_named_by_the_links_clock() {
        let zone = zone("Europe/Berlin");
        let row = |start_usec, length| Row {
            start_usec,
            end_usec: start_usec + length,
            ..Row::default()
        };
        let hour = row(MIDNIGHT, DAY / 24);
        assert_eq!(
            label(&hour, Resolution::Hours, &zone),
            "2026-11-22 00:00 CET"
        );
        let period = row(MIDNIGHT, 30 * DAY);
        for resolution in Resolution::ALL {
            let name = label(&period, resolution, &zone);
            assert_eq!(name, "2026-11-22 to 2026-12-21", "{resolution:?}");
        }
    }

    #[test]
    fn a_narrow_terminal_has_the_figures_and_a_wide_one_the_longest_bars() {
        let widths = |width| {
            let look = Look {
                width,
                ink: Ink::Blocks,
                ..PLAIN
            };
            let text = render(&[past()], Resolution::Days, look);
            text.lines().map(|line| line.chars().count()).max()
        };
        assert_eq!(widths(49), Some(59), "only the notes");
        assert_eq!(widths(70), Some(70));
        assert_eq!(widths(500), Some(44 + 50));
    }

    #[test]
    fn who_counted_is_told_where_it_was_not_bwflow_alone() {
        let mut past = past();
        past.rows[1].source = "vnstat".to_owned();
        let text = render(&[past], Resolution::Days, PLAIN);
        assert!(text.contains("USED  SOURCE"), "{text}");
        assert!(text.contains("  vnstat  #"), "{text}");
    }

    #[test]
    fn without_traffic_what_was_decided_is_shown_all_the_same() {
        let mut past = past();
        past.rows.clear();
        let text = render(&[past], Resolution::Days, PLAIN);
        assert!(!text.contains("total"), "{text}");
        assert!(text.contains("top-up of 10 GB"), "{text}");
    }
}

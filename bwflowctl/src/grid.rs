//! Figures in columns.

use bwflow_proto::state::LinkState;
use tabled::builder::Builder;
use tabled::settings::object::{Cell, Columns, Object as _, Rows};
use tabled::settings::{Alignment, Color, Padding, Style};

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Words, from the left.
    Words,
    /// Figures, to the right.
    Figures,
    /// A link's state: a word that may have a colour.
    State,
}

/// A table of text: columns two spaces apart, no lines, nothing at the ends of lines.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: Vec<(&'static str, Column)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) const fn new(columns: Vec<(&'static str, Column)>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The table, each line with its line feed.
    pub(crate) fn render(&self, color: bool) -> String {
        let mut builder = Builder::default();
        builder.push_record(self.columns.iter().map(|(title, _)| *title));
        for row in &self.rows {
            builder.push_record(row.iter().map(|cell| printable(cell)));
        }
        let mut table = builder.build();
        table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
        for (at, (_, column)) in self.columns.iter().enumerate() {
            if *column == Column::Figures {
                table.modify(Columns::one(at), Alignment::right());
            }
            if *column == Column::State && color {
                for (row, cells) in self.rows.iter().enumerate() {
                    if let Some(color) = state_color(&cells[at]) {
                        table.modify(Cell::new(row + 1, at), color);
                    }
                }
            }
        }
        if color {
            table.modify(Rows::first().intersect(Columns::new(..)), Color::BOLD);
        }
        let mut out = String::new();
        for line in table.to_string().lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A name may hold anything but a slash; on a terminal it must not do anything.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

fn state_color(state: &str) -> Option<Color> {
    match state.parse() {
        Ok(LinkState::Open) => Some(Color::FG_GREEN),
        Ok(LinkState::Armed) => Some(Color::FG_YELLOW),
        Ok(LinkState::Throttled | LinkState::Blocked) => Some(Color::FG_RED),
        Ok(LinkState::Overridden | LinkState::Manual) => Some(Color::FG_CYAN),
        Ok(LinkState::Absent) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(vec![
            ("LINK", Column::Words),
            ("STATE", Column::State),
            ("USED", Column::Figures),
            ("WHY", Column::Words),
        ]);
        for (link, state, used, why) in [
            ("eth0", "open", "12.4 GB", "budget left"),
            ("e\u{1b}[2J", "absent", "1 kB", "-"),
        ] {
            grid.push([link, state, used, why].map(str::to_owned).to_vec());
        }
        grid
    }

    #[test]
    fn figures_stand_to_the_right_and_names_do_nothing() {
        assert_eq!(
            grid().render(false),
            "LINK   STATE      USED  WHY\n\
             eth0   open    12.4 GB  budget left\n\
             e?[2J  absent     1 kB  -\n"
        );
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let colored = grid().render(true);
        assert!(colored.contains("\u{1b}[32m"), "{colored:?}");
        let mut plain = String::new();
        let mut rest = colored.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.split_once('m').map_or("", |(_, rest)| rest);
        }
        plain.push_str(rest);
        let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
        let expected = grid().render(false);
        assert_eq!(trimmed, expected.lines().collect::<Vec<_>>());
    }
}

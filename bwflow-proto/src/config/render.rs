//! Problems as a person reads them: file, line and column, the line, an underline, a hint.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::problem::{Problem, Severity, Span};
use super::secret::may_hold_secret;
use crate::units::is_unprintable;

/// A longer line is named, not shown; nor is one that may hold a secret.
const LONGEST_LINE: usize = 1000;

/// Whether escape sequences may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// None: for files, pipes and logs.
    #[default]
    Plain,
    /// Colours, for a terminal.
    Terminal,
}

/// A problem with its line of the file; without a line feed at the end.
///
/// `text` is the file as it was parsed.
pub fn render(problem: &Problem, file_name: &str, text: &str, style: Style) -> String {
    let text = without_mark(text);
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(problem.message.as_str());
    let mut group = match problem.span.as_ref().map(|span| Line::at(text, span)) {
        Some(line) if line.text.len() <= LONGEST_LINE && !may_hold_secret(line.text) => {
            let (shown, span) = line.printable();
            title.element(
                Snippet::source(shown)
                    .path(file_name)
                    .line_start(line.number)
                    .annotation(AnnotationKind::Primary.span(span)),
            )
        }
        Some(line) => title.element(
            Origin::path(file_name)
                .line(line.number)
                .char_column(line.column),
        ),
        None => title.element(Origin::path(file_name)),
    };
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Terminal => Renderer::styled(),
    };
    let groups: [Group<'_>; 1] = [group];
    // The margin of a line that is cut short may leave spaces behind.
    let rendered = renderer.render(&groups);
    let lines: Vec<&str> = rendered.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Line and column of a problem, both from 1, the column in characters; `None` without a place.
pub fn position(problem: &Problem, text: &str) -> Option<(usize, usize)> {
    let span = problem.span.as_ref()?;
    let line = Line::at(without_mark(text), span);
    Some((line.number, line.column))
}

/// The text after a byte order mark, if there is one.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// One line of the file and the part of a span on it.
struct Line<'a> {
    text: &'a str,
    number: usize,
    column: usize,
    span: Span,
}

impl<'a> Line<'a> {
    fn at(text: &'a str, span: &Span) -> Self {
        let start = text.floor_char_boundary(span.start);
        let end = text.floor_char_boundary(span.end).max(start);
        let first = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let last = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = &text[first..last];
        let line = line.strip_suffix('\r').unwrap_or(line);
        let within = |offset: usize| offset.saturating_sub(first).min(line.len());
        Self {
            text: line,
            number: text[..first].matches('\n').count() + 1,
            column: line[..within(start)].chars().count() + 1,
            span: within(start)..within(end),
        }
    }

    /// The text and the span in it, with what a terminal would obey rather than show escaped.
    fn printable(&self) -> (String, Span) {
        let mut shown = String::with_capacity(self.text.len());
        let (mut start, mut end) = (None, None);
        for (at, c) in self.text.char_indices() {
            if at >= self.span.start {
                start.get_or_insert(shown.len());
            }
            if at >= self.span.end {
                end.get_or_insert(shown.len());
            }
            if is_unprintable(c) && c != '\t' {
                shown.extend(c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
        let all = shown.len();
        (shown, start.unwrap_or(all)..end.unwrap_or(all))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn problem(span: Option<Span>) -> Problem {
        Problem {
            severity: Severity::Error,
            message: "wrong".to_owned(),
            span,
            hint: Some("mend it".to_owned()),
        }
    }

    #[test]
    fn the_place_is_underlined() {
        let text = "\u{feff}a = 1\r\nünï = 2\r\n";
        let there = problem(Some(7..12));
        assert_eq!(position(&there, text), Some((2, 1)));
        assert_eq!(
            render(&there, "x.toml", text, Style::Plain),
            "error: wrong\n --> x.toml:2:1\n  |\n2 | ünï = 2\n  | ^^^\n  |\n  = hint: mend it"
        );
    }

    #[test]
    fn without_a_place_the_file_is_named() {
        assert_eq!(
            render(&problem(None), "x.toml", "", Style::Plain),
            "error: wrong\n--> x.toml\n = hint: mend it"
        );
    }

    #[test]
    fn any_span_is_rendered() {
        for text in ["", "\n", "é", "a\r\nb", &"x".repeat(5000)] {
            for start in 0..6 {
                for end in 0..8 {
                    let there = problem(Some(Span { start, end }));
                    assert!(render(&there, "x", text, Style::Plain).contains("--> x:"));
                }
            }
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = "\u{1b}[2Jé\u{9b}x\u{202e} = 1";
        let rendered = render(&problem(Some(6..9)), "x", text, Style::Plain);
        assert!(
            rendered.contains("1 | \\u{1b}[2Jé\\u{9b}x\\u{202e} = 1\n  |           ^^^^^^^\n"),
            "{rendered}"
        );
    }

    #[test]
    fn a_terminal_gets_colours() {
        let rendered = render(&problem(Some(0..1)), "x", "a", Style::Terminal);
        assert!(rendered.contains('\u{1b}'));
    }
}

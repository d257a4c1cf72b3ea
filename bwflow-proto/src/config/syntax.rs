//! What the parser could not read: its errors in the words of a person, without what follows.

use std::collections::HashSet;

use super::problem::{Problem, Problems, Severity, Span};
use super::schema::{ROOT, example};
use super::secret::may_hold_secret;
use crate::units::{is_unprintable, mended, parse_bytes, parse_rate};

/// A longer value is not repeated in a hint.
const LONGEST_VALUE: usize = 40;

/// The whole rest of the file then follows from it.
const LIST_OPEN: &str = "the list above is not closed";

/// Adds the parser's errors and drops what merely follows from them: everything on a line that
/// could not be read or below a broken table header, what is missing because of it, and notes,
/// which speak of a plan that is not known yet.
pub(super) fn with_syntax_errors(
    text: &str,
    syntax: &[toml::de::Error],
    found: Vec<Problem>,
) -> Vec<Problem> {
    let lines = Lines::of(text);
    let mut broken = HashSet::new();
    let mut problems = Problems::default();
    for error in syntax {
        let span = error.span().unwrap_or(text.len()..text.len());
        if let Some(opened) = open_to_the_end(error.message(), text, &span) {
            let quotes = &text[opened.clone()];
            let hint = Some(format!(
                "end it with {quotes}, or write it with one quote each"
            ));
            broken.extend(lines.number(opened.start)..=lines.number(text.len()));
            problems.error(opened, "the string is not closed", hint);
            continue;
        }
        let number = lines.number(span.start);
        // Of several complaints about one line the first is the cause.
        if broken.insert(number) {
            let line = lines.line(number);
            let (message, hint) = explained(error.message(), text, &span, line);
            // The hint repeats what stands there.
            let hint = hint.filter(|_| !may_hold_secret(line));
            problems.error(span, message.as_str(), hint);
            broken.extend(if message == LIST_OPEN {
                number + 1..lines.lines.len()
            } else {
                lines.section(number)
            });
        }
    }
    let mut all = problems.into_sorted();
    all.extend(found.into_iter().filter(|problem| {
        let span = problem.span.as_ref();
        problem.severity == Severity::Error
            && span.is_some_and(|span| !broken.contains(&lines.number(span.start)))
    }));
    all.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
    all
}

/// The text by lines.
struct Lines<'a> {
    breaks: Vec<usize>,
    lines: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            breaks: text.match_indices('\n').map(|(at, _)| at).collect(),
            lines: text.split('\n').map(str::trim).collect(),
        }
    }

    /// The line that an offset is on, from 0.
    fn number(&self, offset: usize) -> usize {
        self.breaks.partition_point(|at| *at < offset)
    }

    fn line(&self, number: usize) -> &'a str {
        self.lines.get(number).copied().unwrap_or_default()
    }

    /// The lines below a table's header, up to the next header; none below any other line.
    fn section(&self, number: usize) -> std::ops::Range<usize> {
        let first = number + 1;
        if !self.line(number).starts_with('[') {
            return first..first;
        }
        let below = self.lines.iter().skip(first);
        first..first + below.take_while(|line| !line.starts_with('[')).count()
    }
}

/// The three quotes that begin a string of several lines, if it goes on to the end of the file.
fn open_to_the_end(message: &str, text: &str, span: &Span) -> Option<Span> {
    let is_open = message.starts_with("invalid")
        && message.contains(" string, expected")
        && text.get(span.start..)?.trim().is_empty();
    if !is_open {
        // Not sought in vain: a file of junk may hold an error on every line.
        return None;
    }
    let start = text.rfind("\"\"\"").max(text.rfind("'''"))?;
    Some(start..start + 3)
}

/// The parser's words, where they need others, and how to mend the line.
fn explained(message: &str, text: &str, span: &Span, line: &str) -> (String, Option<String>) {
    let is_at_end = text.get(span.end..).is_none_or(|rest| {
        rest.trim_start_matches(['\r', ' ']).starts_with('\n') || rest.is_empty()
    });
    let (what, wanted) = message.split_once(", expected ").unwrap_or((message, ""));
    let at = text.get(span.clone()).map_or("", str::trim);
    match what {
        "string values must be quoted" if at.is_empty() => ("a value is missing".to_owned(), {
            let key = key_of(line, '=').map(|(key, _)| key);
            key.and_then(|key| Some(format!("write {key} = {}", example(key)?)))
        }),
        "string values must be quoted" if at.starts_with(is_curly) => (
            "a string must stand in straight quotes".to_owned(),
            hint_for_line(line, '='),
        ),
        "string values must be quoted" => (
            "a string must stand in quotes".to_owned(),
            hint_for_line(line, '='),
        ),
        "missing opening quote" => (
            "the string has no quote before it".to_owned(),
            hint_for_line(line, '='),
        ),
        "invalid multi-line basic string" | "invalid multi-line literal string" => (
            "the string is not closed".to_owned(),
            Some(format!("end it with {}", wanted.trim_matches('`'))),
        ),
        "invalid basic string" | "invalid literal string" if is_at_end => (
            "the string is not closed".to_owned(),
            hint_for_line(line, '=').or_else(|| Some(format!("end it with {wanted}"))),
        ),
        // A header cannot stand in a list, so the list was to end above it.
        "invalid float" if line.starts_with('[') => {
            (LIST_OPEN.to_owned(), Some("end it with ]".to_owned()))
        }
        "unexpected `=` in array" if !line.contains('[') => {
            (LIST_OPEN.to_owned(), Some("end it with ]".to_owned()))
        }
        "unclosed table" => (message.to_owned(), header(line, "[", "]")),
        "unclosed array table" => (message.to_owned(), header(line, "[[", "]]")),
        "key with no value" => unassigned(line),
        "unexpected key or value" if is_bare(line) => (
            "a string must stand in quotes".to_owned(),
            hint_for_line(line, '='),
        ),
        "unexpected key or value" => (
            message.to_owned(),
            Some("write each key and each table on a line of its own".to_owned()),
        ),
        "duplicate key" => (message.to_owned(), Some("keep one of the two".to_owned())),
        _ => (message.to_owned(), None),
    }
}

/// A line without `=`: of another format, or one word alone.
fn unassigned(line: &str) -> (String, Option<String>) {
    if let Some((key, value)) = key_of(line, ':') {
        let message = "`=` belongs between a key and its value, not `:`".to_owned();
        return if without_comment(value).is_empty() {
            (message, Some(format!("write [{key}] for a table")))
        } else {
            (message, hint_for_line(line, ':'))
        };
    }
    let word = without_comment(line);
    if ROOT.contains(&word) {
        let message = format!("`{word}` is a table, not a key");
        return (message, header(word, "[", "]"));
    }
    (
        "`=` is missing between a key and its value".to_owned(),
        hint_for_line(line, ' ').or_else(|| {
            let value = example(word)?;
            Some(format!("write {word} = {value}"))
        }),
    )
}

/// The hint to write a table's name between both of its brackets.
fn header(line: &str, open: &str, close: &str) -> Option<String> {
    let name =
        without_comment(line).trim_matches(|c: char| matches!(c, '[' | ']') || c.is_whitespace());
    // There may be several links, but one of every other table.
    let (open, close) = match name {
        "link" => ("[[", "]]"),
        name if ROOT.contains(&name) => ("[", "]"),
        _ => (open, close),
    };
    is_key(name).then(|| format!("write {open}{name}{close}"))
}

/// The hint to write a line's key and value as they should stand.
fn hint_for_line(line: &str, between: char) -> Option<String> {
    let (key, value) = key_of(line, between)?;
    Some(format!("write {key} = {}", as_value(key, value)?))
}

/// The key before the first `between`, and what follows.
fn key_of(line: &str, between: char) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(between)?;
    let key = key.trim_end();
    is_key(key).then(|| (key, rest.trim_start()))
}

/// Whether the line's one value begins like a number, though it is none.
fn is_bare(line: &str) -> bool {
    key_of(line, '=').is_some_and(|(_, value)| {
        value.starts_with(|c: char| c.is_ascii_digit()) && !without_comment(value).contains('=')
    })
}

fn is_key(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= LONGEST_VALUE
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// A value that the key takes, as near as may be to what stands there.
fn as_value(key: &str, raw: &str) -> Option<String> {
    let raw =
        without_comment(raw).trim_matches(|c: char| is_curly(c) || matches!(c, '"' | '\'' | '`'));
    let raw = raw.trim();
    let quotable = |text: &str| {
        (!text.is_empty()
            && text.len() <= LONGEST_VALUE
            && !text.contains(|c: char| matches!(c, '"' | '\\') || is_unprintable(c)))
        .then(|| format!("\"{text}\""))
    };
    let example = example(key);
    let read = match key {
        "monthly_budget" | "pre_charge" if parse_bytes(raw).is_ok() => quotable(raw),
        "monthly_budget" | "pre_charge" => {
            let meant = mended(raw, parse_bytes);
            meant.first().and_then(|meant| quotable(meant))
        }
        "min_rate" | "rate" if raw == "drip" || parse_rate(raw).is_ok() => quotable(raw),
        "min_rate" | "rate" => {
            let meant = mended(raw, parse_rate);
            meant.first().and_then(|meant| quotable(meant))
        }
        _ if example.is_some_and(|example| !example.starts_with('"')) => {
            let end = raw.find(|c: char| !c.is_ascii_digit() && c != '.');
            let number = &raw[..end.unwrap_or(raw.len())];
            let is_number = number.parse::<f64>().is_ok() && !number.ends_with('.');
            (is_number && !number.starts_with('.')).then(|| number.to_owned())
        }
        _ => quotable(raw),
    };
    read.or_else(|| example.map(str::to_owned))
}

/// The line up to a comment; a `#` in a string is none, but no value of ours holds one.
fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// Quotes that a word processor puts in place of straight ones.
const fn is_curly(c: char) -> bool {
    matches!(c, '“' | '”' | '„' | '‟' | '«' | '»' | '‘' | '’' | '‚')
}

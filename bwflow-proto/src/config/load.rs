//! A file's text in, a configuration or a readable refusal out.

use std::fmt;

use super::Config;
use super::problem::{Problem, Problems};
use super::render::{Style, render, without_mark};

/// More than this nobody reads; the rest is counted.
const MOST_SHOWN: usize = 20;

/// A configuration that can be used, with what should be known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The checked configuration.
    pub config: Config,
    /// Notes, rendered with their places, each of several lines.
    pub notes: Vec<String>,
}

/// A configuration that cannot be used. Displays as every problem with its place and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    file_name: String,
    text: String,
    problems: Vec<Problem>,
}

impl Rejected {
    /// What is wrong, in the order of the file; notes are among it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The text that the problems' places point into.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every problem, rendered; without a line feed at the end.
    pub fn rendered(&self, style: Style) -> String {
        let shown = self.problems.iter().take(MOST_SHOWN);
        let mut parts: Vec<String> = shown
            .map(|problem| render(problem, &self.file_name, &self.text, style))
            .collect();
        let rest = self.problems.len().saturating_sub(MOST_SHOWN);
        if rest > 0 {
            parts.push(format!(
                "{}: {rest} more problems, not shown",
                self.file_name
            ));
        }
        parts.join("\n\n")
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered(Style::Plain))
    }
}

impl std::error::Error for Rejected {}

/// Reads a configuration; `file_name` is what problems call it.
///
/// # Errors
/// When the text holds errors: all of them.
pub fn load_str(file_name: &str, text: &str) -> Result<Loaded, Rejected> {
    match Config::parse(text) {
        Ok((config, notes)) => Ok(Loaded {
            config,
            notes: notes
                .iter()
                .map(|note| render(note, file_name, text, Style::Plain))
                .collect(),
        }),
        Err(problems) => Err(Rejected {
            file_name: file_name.to_owned(),
            text: text.to_owned(),
            problems,
        }),
    }
}

/// Reads a configuration whose bytes may not be text.
///
/// # Errors
/// When the bytes are not UTF-8, or the text holds errors.
pub fn load_bytes(file_name: &str, bytes: &[u8]) -> Result<Loaded, Rejected> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return load_str(file_name, text),
        Err(error) => error,
    };
    let text = escaped(bytes);
    // Up to the first wrong byte, the escaped text has the same offsets.
    let mark = text.len() - without_mark(&text).len();
    let start = error.valid_up_to().saturating_sub(mark);
    let end = start + r"\x00".len();
    let mut problems = Problems::default();
    let (message, hint) = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        ("the file is UTF-16, not UTF-8", "save it as UTF-8")
    } else if bytes.contains(&0) {
        (
            "the file is no text at all",
            "name a configuration, like /etc/bwflow/config.toml",
        )
    } else {
        (
            "the file is not UTF-8 text",
            "save it as UTF-8, or remove the byte that is marked",
        )
    };
    problems.error(start..end, message, Some(hint.to_owned()));
    Err(Rejected {
        file_name: file_name.to_owned(),
        text,
        problems: problems.into_sorted(),
    })
}

/// The text with every byte that is none written as `\xNN`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

//! Questions on a terminal: plain lines, so that any terminal will do and none has to be restored.

use std::io::{self, BufRead as _, Write as _};

use super::answers::Known;
use super::question::{Links, Question};
use crate::failure::Failure;

/// Asks until the answer will do.
///
/// # Errors
/// When there are no more answers.
pub(super) fn ask(
    question: Question,
    known: &mut Known,
    likely: &Known,
    links: &Links,
) -> Result<(), Failure> {
    let default = question.default(known, likely);
    say(&format!("\n{}", question.words()))?;
    loop {
        let typed = line(default.as_deref())?;
        match question.answer(&typed, known, links) {
            Ok(()) => return Ok(()),
            Err(why) => say(&format!("That will not do: {why}."))?,
        }
    }
}

/// Asks for a yes or a no.
///
/// # Errors
/// When there are no more answers.
pub(super) fn confirm(question: &str) -> Result<bool, Failure> {
    say(&format!("\n{question} (yes or no)"))?;
    loop {
        match line(Some("yes"))?.to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => say("That will not do: yes or no is wanted.")?,
        }
    }
}

/// Shows something between questions.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    writeln!(io::stderr(), "{text}")?;
    Ok(())
}

/// A line that was typed; the default for an empty one.
fn line(default: Option<&str>) -> Result<String, Failure> {
    let mut stderr = io::stderr();
    match default {
        Some(default) => write!(stderr, "[{default}] > ")?,
        None => write!(stderr, "> ")?,
    }
    stderr.flush()?;
    let mut typed = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut typed);
    let count =
        read.map_err(|error| Failure::Failed(format!("cannot read the answer: {error}")))?;
    if count == 0 {
        return Err(Failure::Failed(
            "the answers have come to an end; nothing was changed".to_owned(),
        ));
    }
    let typed = String::from_utf8_lossy(&typed).trim().to_owned();
    Ok(match default {
        Some(default) if typed.is_empty() => default.to_owned(),
        _ => typed,
    })
}

//! `bwflowctl check-config`: the check that the service does, and what the file means.

pub(crate) mod file;
mod host;
mod json;
mod spend;
mod table;

use std::path::Path;

use bwflow_proto::config::{Config, Problem, Rejected, Style, load_bytes, render};
use bwflow_proto::units::is_unprintable;

use crate::args::CheckConfig;
use crate::failure::Failure;
use crate::host::files::Files;
use crate::output::Output;

/// A file that can be used.
struct Right {
    config: Config,
    text: String,
    notes: Vec<Problem>,
}

/// Checks the file; errors in it are a failure that names them all.
pub(crate) fn run(args: &CheckConfig, output: &mut Output) -> Result<(), Failure> {
    let name = if args.file == Path::new(file::STDIN) {
        "standard input".to_owned()
    } else {
        printable(&args.file.display().to_string())
    };
    let bytes = match file::read(&args.file) {
        Ok(bytes) => bytes,
        Err(unreadable) => {
            if args.json {
                output.data(&json::unreadable(&name, &unreadable)?)?;
            }
            let hint = unreadable.hint.map(|hint| format!(": {hint}"));
            return Err(Failure::Configuration(format!(
                "cannot read {name}: {}{}",
                unreadable.message,
                hint.unwrap_or_default()
            )));
        }
    };
    let mut checked = check(&name, &bytes);
    if let Ok(right) = &mut checked {
        let absent = host::absent(&right.config, Path::new(host::INTERFACES));
        right.notes.extend(absent);
        let files = Files::new(Path::new("/"));
        right.notes.extend(host::exclusion(&right.config, &files));
        right.notes.extend(spend::key_file(&right.config, &files));
    }
    let style = if output.talk_has_color() {
        Style::Terminal
    } else {
        Style::Plain
    };
    if args.json {
        output.data(&json::render(&name, checked.as_ref())?)?;
    }
    match checked {
        Ok(_) if args.json => Ok(()),
        Ok(right) => {
            output.data(&table::render(&name, &right.config))?;
            for note in &right.notes {
                // The empty line keeps it apart from the table where both go to one place.
                let note = render(note, &name, &right.text, style);
                output.talk(&format!("\n{note}"));
            }
            Ok(())
        }
        Err(_) if args.json => Err(Failure::Configuration(format!("{name} cannot be used"))),
        Err(rejected) => Err(Failure::Configuration(format!(
            "{name} cannot be used\n\n{}",
            rejected.rendered(style)
        ))),
    }
}

/// The name of a file may hold anything; on a terminal it must not do anything.
fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        if is_unprintable(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn check(name: &str, bytes: &[u8]) -> Result<Right, Rejected> {
    load_bytes(name, bytes)?;
    // What was loaded is text without errors; read again for the notes' places.
    let text = String::from_utf8_lossy(bytes).into_owned();
    match Config::parse(&text) {
        Ok((config, notes)) => Ok(Right {
            config,
            text,
            notes,
        }),
        Err(_) => unreachable!("the same text was right before"),
    }
}

//! `bwflowctl check-config`: the check that the service does, and what the file means.

mod json;
mod table;

use std::io::{self, Read as _};
use std::path::Path;

use bwflow_proto::config::{Config, PATH, Problem, Rejected, Style, load_bytes, render};

use crate::args::CheckConfig;
use crate::failure::Failure;
use crate::output::Output;

/// The name that stands for standard input.
const STDIN: &str = "-";

/// A file that can be used.
struct Right {
    config: Config,
    text: String,
    notes: Vec<Problem>,
}

/// Checks the file; errors in it are a failure that names them all.
pub(crate) fn run(args: &CheckConfig, output: &mut Output) -> Result<(), Failure> {
    let bytes = read(&args.file)?;
    let name = if args.file == Path::new(STDIN) {
        "standard input".to_owned()
    } else {
        args.file.display().to_string()
    };
    let checked = check(&name, &bytes);
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
            for note in &right.notes {
                let note = render(note, &name, &right.text, style);
                output.talk(&format!("{note}\n"));
            }
            output.data(&table::render(&name, &right.config))
        }
        Err(_) if args.json => Err(Failure::Configuration(format!("{name} cannot be used"))),
        Err(rejected) => Err(Failure::Configuration(format!(
            "{name} cannot be used\n\n{}",
            rejected.rendered(style)
        ))),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new(STDIN) {
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound if file == Path::new(PATH) => {
                ": write it, or name the file to check"
            }
            io::ErrorKind::PermissionDenied => ": try with sudo",
            _ => "",
        };
        Failure::Configuration(format!("cannot read {}: {error}{hint}", file.display()))
    })
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

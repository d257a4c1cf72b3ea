//! What a person is told about a file, word for word.

#![allow(clippy::unwrap_used)]

mod amounts;
mod keys;
mod links;
mod notes;
mod spend;
mod syntax;
mod words;

use super::load_str;

fn refused(text: &str) -> String {
    load_str("c.toml", text).unwrap_err().to_string()
}

fn noted(text: &str) -> String {
    load_str("c.toml", text).unwrap().notes.join("\n\n")
}

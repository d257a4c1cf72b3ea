//! One table of the file: its known keys, each taken once.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, Span};
use super::schema::{home, is_offered, nearest, synonym};
use crate::units::quoted;

/// One value with the place of its key and its own.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// The key as the schema spells it.
    pub(super) key: &'static str,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    pub(super) key_start: usize,
    pub(super) key_end: usize,
}

impl Entry<'_> {
    pub(super) fn key_span(&self) -> Span {
        self.key_start..self.key_end
    }

    /// The value's place; a table made of dotted keys has none, so the key's stands in.
    pub(super) fn span(&self) -> Span {
        let span = self.value.span();
        if span.is_empty() {
            self.key_span()
        } else {
            span
        }
    }
}

/// The known entries of a table; what is unknown has been reported.
pub(super) struct Section<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Section<'a> {
    /// `name` is the table as it is written, e.g. `[bandwidth]`, or empty for the whole file.
    pub(super) fn new(
        name: &str,
        table: &'a DeTable<'a>,
        known: &'static [&'static str],
        problems: &mut Problems,
    ) -> Self {
        let mut entries = Vec::new();
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let mut found = known.iter().copied().find(|known| *known == word);
            if found.is_none() {
                let absent = known
                    .iter()
                    .copied()
                    // A misspelt [spend] must not be passed over.
                    .filter(|key| !table.contains_key(*key));
                found = synonym(word)
                    .filter(|meant| absent.clone().any(|key| key == *meant))
                    .or_else(|| nearest(word, absent));
                let hint = hint_for(word, found, name, known);
                let message = if name.is_empty() && is_table(value.get_ref()) {
                    format!("unknown table {}", quoted(&format!("[{word}]")))
                } else if name.is_empty() {
                    format!("unknown key {} outside of any table", quoted(word))
                } else {
                    format!("unknown key {} in {name}", quoted(word))
                };
                problems.error(key.span(), message, Some(hint));
            }
            // A misspelt key is read as what it was meant to be, so that its value is checked too
            // and nothing is called missing.
            if let Some(key_found) = found {
                entries.push(Entry {
                    key: key_found,
                    value,
                    key_start: key.span().start,
                    key_end: key.span().end,
                });
            }
        }
        Self { entries }
    }

    /// A table within this one, `label` being how it is written; one that is no table is reported.
    pub(super) fn table(
        &self,
        key: &'static str,
        label: &str,
        known: &'static [&'static str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let entry = self.get(key)?;
        match entry.value.get_ref() {
            DeValue::Table(table) => Some(Self::new(label, table, known, problems)),
            _ => {
                let message = format!("`{key}` must be a table");
                let hint = format!("write {label} on a line of its own and its keys below");
                problems.error(entry.key_span(), message, Some(hint));
                None
            }
        }
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key).copied()
    }
}

fn hint_for(word: &str, found: Option<&str>, name: &str, known: &[&str]) -> String {
    let known: Vec<&str> = known
        .iter()
        .copied()
        // [jellyfin] of its own belongs to a spelling that is understood, but not proposed.
        .filter(|word| is_offered(word) && !(name.is_empty() && *word == "jellyfin"))
        .collect();
    let as_table = name.is_empty();
    match (found, home(word)) {
        (Some("link"), _) if as_table => "did you mean `[[link]]`?".to_owned(),
        (Some("tier"), _) => "did you mean `[[spend.tier]]`?".to_owned(),
        (Some(meant), _) if as_table => format!("did you mean `[{meant}]`?"),
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        // Its own tables go with this spelling alone, and [spend] beside it would be refused.
        (None, Some(table)) if name.starts_with("[bandwidth_monitor") => format!(
            "`{word}` belongs in {table}: write [spend] in place of [bandwidth_monitor]; \
             bwflow.toml(5) has an example"
        ),
        (None, Some(table)) => format!("`{word}` belongs in {table}"),
        (None, None) if as_table => {
            let tables = known.join("], [").replace("[link]", "[[link]]");
            format!("the tables are [{tables}]")
        }
        (None, None) => format!("{name} takes {}", known.join(", ")),
    }
}

fn is_table(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items
            .iter()
            .next()
            .is_some_and(|item| matches!(item.get_ref(), DeValue::Table(_))),
        _ => false,
    }
}

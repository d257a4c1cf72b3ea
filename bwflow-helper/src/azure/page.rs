//! Pages of answers, within bounds of memory: a tree of JSON takes a hundred times as much as its text.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::arm;
use crate::http::Answer;

/// The longest text that is made a tree of, bytes.
const SMALL: usize = 64 << 10;
/// The longest text of all pages of an answer, bytes. A budget has one or two thousand.
const LONGEST: usize = 2 << 20;

/// What is left to be read of the pages of an answer, bytes.
#[derive(Debug)]
pub(super) struct Room(usize);

/// Budgets, each as its own text.
#[derive(Debug, Deserialize)]
pub(super) struct Budgets<'a> {
    #[serde(borrow)]
    pub(super) value: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "nextLink")]
    pub(super) next: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Costs.
#[derive(Debug, Deserialize)]
pub(super) struct Costs<'a> {
    #[serde(borrow)]
    pub(super) properties: Option<Properties<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What a page of costs consists of, each row as its own text.
#[derive(Debug, Deserialize)]
pub(super) struct Properties<'a> {
    #[serde(borrow)]
    pub(super) columns: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) rows: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "nextLink")]
    pub(super) next: Option<&'a RawValue>,
}

impl Room {
    /// For all pages of an answer.
    pub(super) const fn new() -> Self {
        Self(LONGEST)
    }

    /// Reads a page that has no error beside what was asked for.
    ///
    /// # Errors
    /// What is there instead.
    pub(super) fn budgets<'a>(&mut self, answer: &'a Answer) -> Result<Budgets<'a>, String> {
        let page: Budgets<'a> = self.read(answer)?;
        no_error(page.error)?;
        Ok(page)
    }

    /// Reads a page that has no error beside what was asked for.
    ///
    /// # Errors
    /// What is there instead.
    pub(super) fn costs<'a>(&mut self, answer: &'a Answer) -> Result<Costs<'a>, String> {
        let page: Costs<'a> = self.read(answer)?;
        no_error(page.error)?;
        Ok(page)
    }

    fn read<'a, T: Deserialize<'a>>(&mut self, answer: &'a Answer) -> Result<T, String> {
        let left = self.0.checked_sub(answer.body.len());
        self.0 = left.ok_or_else(|| format!("an answer of more than {} MiB", LONGEST >> 20))?;
        // A list would be taken as the members in their order.
        if answer.body.trim_ascii_start().starts_with(b"[") {
            return Err("a list".to_owned());
        }
        answer.read()
    }
}

/// An answer that says something short, as a tree.
///
/// # Errors
/// What is there instead.
pub(super) fn small(answer: &Answer) -> Result<Value, String> {
    if answer.body.len() > SMALL {
        return Err(format!("an answer of more than {} KiB", SMALL >> 10));
    }
    answer.json()
}

/// A part of an answer as a tree.
///
/// # Errors
/// That it is too long.
pub(super) fn tree(part: Option<&RawValue>) -> Result<Value, String> {
    let text = part.map_or("null", RawValue::get);
    if text.len() > SMALL {
        return Err(format!("has a part of more than {} KiB", SMALL >> 10));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Nobody knows what is worth what comes with an error.
fn no_error(error: Option<&RawValue>) -> Result<(), String> {
    error.map_or(Ok(()), |error| {
        let error = tree(Some(error)).unwrap_or_default();
        alone(&serde_json::json!({ "error": error }))
    })
}

/// Whether a tree has no error in it.
///
/// # Errors
/// What the error says.
pub(super) fn alone(body: &Value) -> Result<(), String> {
    match body.get("error") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(format!("an error ({}) beside", arm::told(body, "", None))),
    }
}

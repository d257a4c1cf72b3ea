//! What vnStat saw while nobody counted here: rows beside those of our own count.

use rusqlite::{Connection, Transaction, params};

use super::store::{Store, StoreError};
use super::sum::{self, halves};
use crate::counter::Counters;
use crate::period::Period;

/// Bytes that were moved somewhere in `[start, end)`. Microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First instant; decides which period it counts into.
    pub start_usec: i64,
    /// First instant after it.
    pub end_usec: i64,
    /// What was moved.
    pub bytes: Counters,
}

impl Store {
    /// What vnStat saw in a period while nobody counted here.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn imported(&self, interface: &str, period: &Period) -> Result<Counters, StoreError> {
        self.explained(|db| within(db, interface, period))
    }

    /// Whether what there was before the first sight of a link was asked of vnStat.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn is_imported(&self, interface: &str) -> Result<bool, StoreError> {
        self.explained(|db| is_done(db, interface))
    }
}

/// The sum of the stretches that begin in a period.
fn within(db: &Connection, interface: &str, period: &Period) -> rusqlite::Result<Counters> {
    db.prepare_cached(concat!(
        "SELECT",
        halves!("tx"),
        ",",
        halves!("rx"),
        "FROM imports WHERE interface = ?1 AND start_usec >= ?2 AND start_usec < ?3",
    ))?
    .query_row(
        params![interface, period.start_usec, period.end_usec],
        |row| sum::counters(row, 0),
    )
}

fn is_done(db: &Connection, interface: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT imported FROM links WHERE interface = ?1")?
        .query_map([interface], |row| row.get::<_, bool>(0))?
        .next()
        .unwrap_or(Ok(false))
}

/// Notes that a link's past is booked; false if it was, or if there is no such link.
pub(super) fn claim(transaction: &Transaction<'_>, interface: &str) -> rusqlite::Result<bool> {
    let changed = transaction
        .prepare_cached("UPDATE links SET imported = 1 WHERE interface = ?1 AND imported = 0")?
        .execute([interface])?;
    Ok(changed == 1)
}

/// Adds one stretch to what is there. One without bytes leaves no row.
pub(super) fn add(
    transaction: &Transaction<'_>,
    interface: &str,
    stretch: &Stretch,
) -> rusqlite::Result<()> {
    if stretch.bytes.is_zero() {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO imports (interface, start_usec, end_usec, tx, rx) \
             VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET end_usec = MAX(end_usec, excluded.end_usec), \
                tx = tx + excluded.tx, rx = rx + excluded.rx",
        )?
        .execute(params![
            interface,
            stretch.start_usec,
            stretch.end_usec,
            stretch.bytes.tx,
            stretch.bytes.rx
        ])?;
    Ok(())
}

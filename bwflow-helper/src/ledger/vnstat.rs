//! What vnStat has accounted, dropped and invented, hour by hour, and up to where that was compared.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::imports::{self, Stretch};
use super::store::{Store, StoreError};
use super::sum::{self, halves};
use crate::counter::Counters;
use crate::period::Period;
use crate::vnstat::mark::Mark;

/// vnStat's part in what a link moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// What vnStat has accounted.
    pub accounted: Counters,
    /// What was moved and vnStat has not accounted.
    pub dropped: Counters,
    /// What vnStat has accounted and was never moved.
    pub invented: Counters,
}

/// What is booked for one link.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The interface's name.
    pub interface: &'a str,
    /// The new mark; nothing if counters are not known.
    pub mark: Option<&'a Mark>,
    /// By the first instant of the hour.
    pub shares: &'a [(i64, Shares)],
    /// What was moved before the first sight, booked once for ever.
    pub past: Option<&'a [Stretch]>,
    /// What was moved and only vnStat has seen.
    pub missed: Option<&'a Stretch>,
}

impl Store {
    /// Up to where a link was compared with vnStat, if it ever was.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn mark(&self, interface: &str) -> Result<Option<Mark>, StoreError> {
        self.explained(|db| mark(db, interface))
    }

    /// vnStat's part in a period.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shares(&self, interface: &str, period: &Period) -> Result<Shares, StoreError> {
        self.explained(|db| shares(db, interface, period))
    }

    /// Books what a link moved before its first sight, once for ever. Returns whether this was the
    /// first time; else, and for a link that was never seen, nothing has changed.
    ///
    /// # Errors
    /// As [`Self::compare`].
    pub fn import(&mut self, interface: &str, past: &[Stretch]) -> Result<bool, StoreError> {
        let was_imported = self.is_imported(interface)?;
        self.compare(&Comparison {
            interface,
            mark: None,
            shares: &[],
            past: Some(past),
            missed: None,
        })?;
        Ok(!was_imported && self.is_imported(interface)?)
    }

    /// Books what a comparison has found, all of it or nothing.
    ///
    /// # Errors
    /// When the ledger cannot be written. Nothing has changed then.
    pub fn compare(&mut self, comparison: &Comparison<'_>) -> Result<(), StoreError> {
        let book = |db: &mut Connection| {
            let transaction = db.transaction()?;
            write(&transaction, comparison)?;
            transaction.commit()
        };
        book(&mut self.db).map_err(|error| self.explain(error))
    }
}

fn write(transaction: &Transaction<'_>, it: &Comparison<'_>) -> rusqlite::Result<()> {
    if let Some(past) = it.past
        && imports::claim(transaction, it.interface)?
    {
        for stretch in past {
            imports::add(transaction, it.interface, stretch)?;
        }
    }
    if let Some(missed) = it.missed {
        imports::add(transaction, it.interface, missed)?;
    }
    for (start_usec, shares) in it.shares {
        transaction
            .prepare_cached(
                "INSERT INTO vnstat_hours (interface, start_usec, tx, rx, tx_dropped, rx_dropped, \
                                           tx_invented, rx_invented) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                 ON CONFLICT DO UPDATE SET tx = tx + excluded.tx, rx = rx + excluded.rx, \
                    tx_dropped = tx_dropped + excluded.tx_dropped, \
                    rx_dropped = rx_dropped + excluded.rx_dropped, \
                    tx_invented = tx_invented + excluded.tx_invented, \
                    rx_invented = rx_invented + excluded.rx_invented",
            )?
            .execute(params![
                it.interface,
                start_usec,
                bounded(shares.accounted.tx),
                bounded(shares.accounted.rx),
                bounded(shares.dropped.tx),
                bounded(shares.dropped.rx),
                bounded(shares.invented.tx),
                bounded(shares.invented.rx),
            ])?;
    }
    let Some(mark) = it.mark else { return Ok(()) };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO vnstat_marks (interface, created, boot, interface_index, \
                tx_counter, rx_counter, tx_total, rx_total, tx_moved, rx_moved, usec) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            it.interface,
            mark.created,
            &*mark.boot,
            mark.interface_index,
            mark.counters.tx.cast_signed(),
            mark.counters.rx.cast_signed(),
            mark.totals.tx.cast_signed(),
            mark.totals.rx.cast_signed(),
            mark.moved.tx.cast_signed(),
            mark.moved.rx.cast_signed(),
            mark.usec,
        ])?;
    Ok(())
}

fn mark(db: &Connection, interface: &str) -> rusqlite::Result<Option<Mark>> {
    db.prepare_cached(
        "SELECT created, boot, interface_index, tx_counter, rx_counter, tx_total, rx_total, \
                tx_moved, rx_moved, usec FROM vnstat_marks WHERE interface = ?1",
    )?
    .query_row([interface], |row| {
        let pair = |at: usize| -> rusqlite::Result<Counters> {
            Ok(Counters {
                tx: row.get::<_, i64>(at)?.cast_unsigned(),
                rx: row.get::<_, i64>(at + 1)?.cast_unsigned(),
            })
        };
        Ok(Mark {
            created: row.get(0)?,
            boot: row.get::<_, String>(1)?.into(),
            interface_index: row.get(2)?,
            counters: pair(3)?,
            totals: pair(5)?,
            moved: pair(7)?,
            usec: row.get(9)?,
        })
    })
    .optional()
}

fn shares(db: &Connection, interface: &str, period: &Period) -> rusqlite::Result<Shares> {
    db.prepare_cached(concat!(
        "SELECT",
        halves!("tx"),
        ",",
        halves!("rx"),
        ",",
        halves!("tx_dropped"),
        ",",
        halves!("rx_dropped"),
        ",",
        halves!("tx_invented"),
        ",",
        halves!("rx_invented"),
        "FROM vnstat_hours WHERE interface = ?1 AND start_usec >= ?2 AND start_usec < ?3",
    ))?
    .query_row(
        params![interface, period.start_usec, period.end_usec],
        |row| {
            Ok(Shares {
                accounted: sum::counters(row, 0)?,
                dropped: sum::counters(row, 4)?,
                invented: sum::counters(row, 8)?,
            })
        },
    )
}

/// At most 4 PiB an hour: what vnStat invents may be anything, and a year of it must add up.
fn bounded(bytes: u64) -> i64 {
    i64::try_from(bytes.min(1 << 52)).unwrap_or(0)
}

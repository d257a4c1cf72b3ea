//! The ledger on disk: SQLite, one transaction per commit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bwflow_proto::claim::TopUp;
use rusqlite::{Connection, OptionalExtension, params};

use super::slot::Slot;
use super::sum::{self, halves};
use super::{Totals, schema};
use crate::counter::{Anchor, Counters};
use crate::exclusion::Exclusion;
use crate::period::Period;

mod error;
mod file;
mod past;

pub use error::StoreError;
pub use file::make_directory;

use error::explain;
use file::{check, connect, create, identify, tune};

/// The ledger's file in the state directory.
pub const FILE: &str = "ledger.db";

/// What is committed for one link: its charges and up to where they reach.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The interface's name.
    pub interface: &'a str,
    /// Bytes to add.
    pub slots: &'a [Slot],
    /// The counters up to which everything is then charged.
    pub anchor: &'a Anchor,
    /// Bytes of these or earlier slots that are not charged, and up to where that is then known.
    pub excluded: Option<(&'a [Slot], &'a Exclusion)>,
}

/// The open ledger.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    pub(super) db: Connection,
}

impl Store {
    /// Opens the ledger in a state directory; makes both if there are none.
    ///
    /// # Errors
    /// When the directory cannot be written to, or the file is damaged, foreign or too new. A
    /// file that exists is never replaced by an empty ledger.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == 0 => {
                // SQLite would take an empty file for a new database.
                return Err(StoreError::Damaged {
                    path,
                    reason: "the file is empty".to_owned(),
                });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(directory, &path)?,
            Err(error) => {
                return Err(StoreError::Directory {
                    path: directory.to_owned(),
                    error,
                });
            }
        }
        let mut db = connect(&path).map_err(|error| explain(&path, error))?;
        // Before anything is set: another program's file must stay as it is.
        let from = identify(&path, &db)?;
        tune(&db)
            .and_then(|()| schema::migrate(&mut db, from))
            .map_err(|error| explain(&path, error))?;
        check(&path, &db)?;
        Ok(Self { path, db })
    }

    /// The anchor of a link, or nothing if it was never seen.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn anchor(&self, interface: &str) -> Result<Option<Anchor>, StoreError> {
        self.explained(|db| {
            db.prepare_cached(
                "SELECT boot, interface_index, tx_counter, rx_counter, usec, boottime_usec, \
                        tx_moved, rx_moved \
                 FROM links WHERE interface = ?1",
            )?
            .query_row([interface], |row| {
                Ok(Anchor {
                    boot: row.get::<_, String>(0)?.into(),
                    interface_index: row.get(1)?,
                    counters: Counters {
                        tx: row.get::<_, i64>(2)?.cast_unsigned(),
                        rx: row.get::<_, i64>(3)?.cast_unsigned(),
                    },
                    moved: Counters {
                        tx: row.get::<_, i64>(6)?.cast_unsigned(),
                        rx: row.get::<_, i64>(7)?.cast_unsigned(),
                    },
                    usec: row.get(4)?,
                    boottime_usec: row.get(5)?,
                })
            })
            .optional()
        })
    }

    /// Up to where a link's excluded traffic was taken off; the default if none ever was.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn exclusion(&self, interface: &str) -> Result<Exclusion, StoreError> {
        let found = self.explained(|db| {
            let unsigned =
                |row: &rusqlite::Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            db.prepare_cached(
                "SELECT epoch, tx_counter, rx_counter, tx_room, rx_room, boot, boottime_usec \
                 FROM exclusions WHERE interface = ?1",
            )?
            .query_row([interface], |row| {
                Ok(Exclusion {
                    epoch: unsigned(row, 0)?,
                    counters: Counters {
                        tx: unsigned(row, 1)?,
                        rx: unsigned(row, 2)?,
                    },
                    room: Counters {
                        tx: unsigned(row, 3)?,
                        rx: unsigned(row, 4)?,
                    },
                    boot: row.get::<_, String>(5)?.into(),
                    boottime_usec: row.get(6)?,
                })
            })
            .optional()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// What of [`Self::traffic`] is not charged.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn excluded(&self, interface: &str, from: i64, to: i64) -> Result<Counters, StoreError> {
        self.explained(|db| {
            db.prepare_cached(concat!(
                "SELECT",
                halves!("tx"),
                ",",
                halves!("rx"),
                "FROM excluded_hours WHERE interface = ?1 AND start_usec >= ?2 AND start_usec < ?3",
            ))?
            .query_row(params![interface, from, to], |row| sum::counters(row, 0))
        })
    }

    /// When a link was first seen, microseconds since the Unix epoch.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn first_seen(&self, interface: &str) -> Result<Option<i64>, StoreError> {
        self.explained(|db| {
            db.prepare_cached("SELECT first_seen_usec FROM links WHERE interface = ?1")?
                .query_row([interface], |row| row.get(0))
                .optional()
        })
    }

    /// What was moved in the slots that begin in `[from, to)`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn traffic(&self, interface: &str, from: i64, to: i64) -> Result<Counters, StoreError> {
        self.explained(|db| {
            db.prepare_cached(concat!(
                "SELECT",
                halves!("tx"),
                ",",
                halves!("rx"),
                "FROM hours WHERE interface = ?1 AND start_usec >= ?2 AND start_usec < ?3",
            ))?
            .query_row(params![interface, from, to], |row| sum::counters(row, 0))
        })
    }

    /// Books top-ups, each once for ever, however often it is handed over. On disk when this
    /// returns.
    ///
    /// # Errors
    /// When the ledger cannot be written. None of them is booked then.
    pub fn book(&mut self, interface: &str, top_ups: &[TopUp]) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.db.transaction()?;
            for top_up in top_ups {
                let bytes = i64::try_from(top_up.bytes).unwrap_or(i64::MAX);
                adjust(&transaction, interface, "topup", bytes, top_up)?;
            }
            transaction.commit()
        };
        write().map_err(|error| explain(&self.path, error))
    }

    /// Books a correction as the `bytes` it adds to what was used, which may be negative; once for
    /// ever, however often it is handed over. On disk when this returns.
    ///
    /// # Errors
    /// When the ledger cannot be written. Nothing has changed then.
    pub fn correct(
        &mut self,
        interface: &str,
        bytes: i64,
        correction: &TopUp,
    ) -> Result<(), StoreError> {
        adjust(&self.db, interface, "correction", bytes, correction)
            .map(drop)
            .map_err(|error| explain(&self.path, error))
    }

    /// Everything booked in a period.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn totals(&self, interface: &str, period: &Period) -> Result<Totals, StoreError> {
        let seen = self.traffic(interface, period.start_usec, period.end_usec)?;
        let traffic = seen.plus(self.imported(interface, period)?);
        let excluded = self.excluded(interface, period.start_usec, period.end_usec)?;
        self.explained(|db| {
            db.prepare_cached(concat!(
                "SELECT",
                halves!("bytes", "kind = 'topup'"),
                ",",
                halves!("bytes", "kind = 'correction'"),
                "FROM adjustments WHERE interface = ?1 AND usec >= ?2 AND usec < ?3",
            ))?
            .query_row(
                params![interface, period.start_usec, period.end_usec],
                |row| {
                    let correction = sum::sum(row, 2)?.max(i128::from(i64::MIN));
                    Ok(Totals {
                        traffic,
                        excluded,
                        topup: sum::bytes(row, 0)?,
                        correction: i64::try_from(correction).unwrap_or(i64::MAX),
                    })
                },
            )
        })
    }

    /// Books charges and anchors together: after a crash either all of it is there or nothing,
    /// and what is not is counted again from the old anchors.
    ///
    /// # Errors
    /// When the ledger cannot be written, e.g. on a full disk. Nothing has changed then.
    pub fn commit(&mut self, entries: &[Entry<'_>]) -> Result<(), StoreError> {
        write(&mut self.db, entries).map_err(|error| explain(&self.path, error))
    }

    /// What SQLite said about this file, in words for the user.
    pub(super) fn explain(&self, error: rusqlite::Error) -> StoreError {
        explain(&self.path, error)
    }

    pub(super) fn explained<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        read(&self.db).map_err(|error| explain(&self.path, error))
    }
}

/// Adds an adjustment, if its id has never been here.
fn adjust(
    db: &Connection,
    interface: &str,
    kind: &str,
    bytes: i64,
    decided: &TopUp,
) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "INSERT INTO adjustments (interface, usec, kind, bytes, reason, owner, token) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (token) DO NOTHING",
    )?
    .execute(params![
        interface,
        i64::try_from(decided.at_usec).unwrap_or(i64::MAX),
        kind,
        bytes,
        decided.reason,
        decided.owner,
        decided.id,
    ])
}

fn write(db: &mut Connection, entries: &[Entry<'_>]) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    {
        let mut hour = transaction.prepare_cached(
            "INSERT INTO hours (interface, start_usec, tx, rx) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET tx = tx + excluded.tx, rx = rx + excluded.rx",
        )?;
        // `first_seen_usec` is not in the update: it stays what it was.
        let mut link = transaction.prepare_cached(
            "INSERT INTO links (interface, first_seen_usec, boot, interface_index, tx_counter, \
                                rx_counter, usec, boottime_usec, tx_moved, rx_moved) \
             VALUES (?1, ?6, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT DO UPDATE SET boot = excluded.boot, \
                interface_index = excluded.interface_index, tx_counter = excluded.tx_counter, \
                rx_counter = excluded.rx_counter, usec = excluded.usec, \
                boottime_usec = excluded.boottime_usec, tx_moved = excluded.tx_moved, \
                rx_moved = excluded.rx_moved",
        )?;
        for entry in entries {
            if let Some((slots, exclusion)) = entry.excluded {
                exclude(&transaction, entry.interface, slots, exclusion)?;
            }
            for slot in entry.slots {
                hour.execute(params![
                    entry.interface,
                    slot.start_usec,
                    slot.bytes.tx,
                    slot.bytes.rx
                ])?;
            }
            let anchor = entry.anchor;
            link.execute(params![
                entry.interface,
                &*anchor.boot,
                anchor.interface_index,
                anchor.counters.tx.cast_signed(),
                anchor.counters.rx.cast_signed(),
                anchor.usec,
                anchor.boottime_usec,
                anchor.moved.tx.cast_signed(),
                anchor.moved.rx.cast_signed(),
            ])?;
        }
    }
    transaction.commit()
}

fn exclude(
    transaction: &rusqlite::Transaction<'_>,
    interface: &str,
    slots: &[Slot],
    exclusion: &Exclusion,
) -> rusqlite::Result<()> {
    let mut hour = transaction.prepare_cached(
        "INSERT INTO excluded_hours (interface, start_usec, tx, rx) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET tx = tx + excluded.tx, rx = rx + excluded.rx",
    )?;
    for slot in slots {
        hour.execute(params![
            interface,
            slot.start_usec,
            slot.bytes.tx,
            slot.bytes.rx
        ])?;
    }
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO exclusions (interface, epoch, tx_counter, rx_counter, \
                                                tx_room, rx_room, boot, boottime_usec) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            interface,
            exclusion.epoch.cast_signed(),
            exclusion.counters.tx.cast_signed(),
            exclusion.counters.rx.cast_signed(),
            exclusion.room.tx.cast_signed(),
            exclusion.room.rx.cast_signed(),
            &*exclusion.boot,
            exclusion.boottime_usec,
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests;

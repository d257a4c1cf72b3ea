//! What the ledger holds of the past.

use bwflow_proto::history::Change;
use rusqlite::params;

use super::{Store, StoreError};
use crate::counter::Counters;
use crate::ledger::imports::Stretch;
use crate::ledger::slot::Slot;

impl Store {
    /// The slots of a link that begin in `[from, to)`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn slots(
        &self,
        interface: &str,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        self.explained(|db| {
            db.prepare_cached(
                "SELECT start_usec, tx, rx FROM hours \
                 WHERE interface = ?1 AND start_usec >= ?2 AND start_usec < ?3 \
                 ORDER BY start_usec LIMIT ?4",
            )?
            .query_map(params![interface, from, to, limit], |row| {
                Ok(Slot {
                    start_usec: row.get(0)?,
                    bytes: Counters {
                        tx: row.get(1)?,
                        rx: row.get(2)?,
                    },
                })
            })?
            .collect()
        })
    }

    /// What others counted in stretches that begin in `[from, to)`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn imports(
        &self,
        interface: &str,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<Stretch>, StoreError> {
        self.explained(|db| {
            db.prepare_cached(
                "SELECT start_usec, end_usec, tx, rx FROM imports \
                 WHERE interface = ?1 AND start_usec >= ?2 AND start_usec < ?3 \
                 ORDER BY start_usec LIMIT ?4",
            )?
            .query_map(params![interface, from, to, limit], |row| {
                Ok(Stretch {
                    start_usec: row.get(0)?,
                    end_usec: row.get(1)?,
                    bytes: Counters {
                        tx: row.get(2)?,
                        rx: row.get(3)?,
                    },
                })
            })?
            .collect()
        })
    }

    /// The top-ups and corrections of a link that were decided in `[from, to)`, oldest first, at
    /// most `limit`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn changes(
        &self,
        interface: &str,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError> {
        self.explained(|db| {
            db.prepare_cached(
                "SELECT usec, kind, bytes, owner, reason FROM adjustments \
                 WHERE interface = ?1 AND usec >= ?2 AND usec < ?3 ORDER BY usec, id LIMIT ?4",
            )?
            .query_map(params![interface, from, to, limit], |row| {
                Ok(Change {
                    at_usec: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                    kind: row.get(1)?,
                    bytes: row.get(2)?,
                    owner: row.get(3)?,
                    reason: row.get(4)?,
                })
            })?
            .collect()
        })
    }
}

//! The ledger's tables and how older ones become these.

use rusqlite::Connection;

/// Marks a database as ours: "bwfl" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x6277_666c;

/// The migrations in order; a ledger of schema version `n` has had the first `n` of them.
const MIGRATIONS: [&str; 4] = [
    "
CREATE TABLE links (
    interface       TEXT PRIMARY KEY NOT NULL,
    first_seen_usec INTEGER NOT NULL,
    boot            TEXT NOT NULL,
    interface_index INTEGER NOT NULL,
    tx_counter      INTEGER NOT NULL,
    rx_counter      INTEGER NOT NULL,
    usec            INTEGER NOT NULL,
    boottime_usec   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE hours (
    interface  TEXT NOT NULL,
    start_usec INTEGER NOT NULL,
    tx         INTEGER NOT NULL CHECK (tx >= 0),
    rx         INTEGER NOT NULL CHECK (rx >= 0),
    PRIMARY KEY (interface, start_usec)
) STRICT, WITHOUT ROWID;

CREATE TABLE adjustments (
    id        INTEGER PRIMARY KEY,
    interface TEXT NOT NULL,
    usec      INTEGER NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('topup', 'correction')),
    bytes     INTEGER NOT NULL CHECK (kind = 'correction' OR bytes >= 0),
    reason    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX adjustments_by_time ON adjustments (interface, usec);
",
    // Whoever adjusts is remembered, and what the daemon hands over twice is booked once: NULLs
    // are distinct, so that other adjustments need no token.
    "
ALTER TABLE adjustments ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE adjustments ADD COLUMN token TEXT;
CREATE UNIQUE INDEX adjustments_by_token ON adjustments (token);
",
    // What vnStat saw while nobody counted here, what it accounted, dropped and invented since, and
    // up to where that has been compared. `moved` is all that a link moved, charged or not.
    "
CREATE TABLE imports (
    interface  TEXT NOT NULL,
    start_usec INTEGER NOT NULL,
    end_usec   INTEGER NOT NULL CHECK (end_usec > start_usec),
    tx         INTEGER NOT NULL CHECK (tx >= 0),
    rx         INTEGER NOT NULL CHECK (rx >= 0),
    PRIMARY KEY (interface, start_usec)
) STRICT, WITHOUT ROWID;

CREATE TABLE vnstat_hours (
    interface   TEXT NOT NULL,
    start_usec  INTEGER NOT NULL,
    tx          INTEGER NOT NULL,
    rx          INTEGER NOT NULL,
    tx_dropped  INTEGER NOT NULL,
    rx_dropped  INTEGER NOT NULL,
    tx_invented INTEGER NOT NULL,
    rx_invented INTEGER NOT NULL,
    PRIMARY KEY (interface, start_usec)
) STRICT, WITHOUT ROWID;

CREATE TABLE vnstat_marks (
    interface       TEXT PRIMARY KEY NOT NULL,
    created         TEXT NOT NULL,
    boot            TEXT NOT NULL,
    interface_index INTEGER NOT NULL,
    tx_counter      INTEGER NOT NULL,
    rx_counter      INTEGER NOT NULL,
    tx_total        INTEGER NOT NULL,
    rx_total        INTEGER NOT NULL,
    tx_moved        INTEGER NOT NULL,
    rx_moved        INTEGER NOT NULL,
    usec            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE links ADD COLUMN tx_moved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN rx_moved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
UPDATE links SET tx_moved = tx_counter, rx_moved = rx_counter;
",
    // What of the hours is not charged, and up to where that is known.
    "
CREATE TABLE excluded_hours (
    interface  TEXT NOT NULL,
    start_usec INTEGER NOT NULL,
    tx         INTEGER NOT NULL CHECK (tx >= 0),
    rx         INTEGER NOT NULL CHECK (rx >= 0),
    PRIMARY KEY (interface, start_usec)
) STRICT, WITHOUT ROWID;

CREATE TABLE exclusions (
    interface     TEXT PRIMARY KEY NOT NULL,
    epoch         INTEGER NOT NULL,
    tx_counter    INTEGER NOT NULL,
    rx_counter    INTEGER NOT NULL,
    tx_room       INTEGER NOT NULL,
    rx_room       INTEGER NOT NULL,
    boot          TEXT NOT NULL,
    boottime_usec INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
];

/// The newest schema this version knows.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// The schema version of a database.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a database from schema `from` to [`VERSION`], each step in its own transaction.
pub(super) fn migrate(db: &mut Connection, from: usize) -> rusqlite::Result<()> {
    migrate_to(db, from, VERSION)
}

/// As [`migrate`], but only up to schema `to`.
pub(super) fn migrate_to(db: &mut Connection, from: usize, to: usize) -> rusqlite::Result<()> {
    for (index, step) in MIGRATIONS.iter().enumerate().take(to).skip(from) {
        let transaction = db.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(0))?;
        transaction.commit()?;
    }
    Ok(())
}

//! vnStat's database: SQLite, read only, and so briefly that vnStat hardly notices.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use super::Trouble;
use super::dates::{Dates, Grain};
use super::mark::Seen;
use super::rows::Rows;
use crate::counter::Counters;
use crate::ledger::imports::Stretch;

/// How long to wait for a writer. vnStat itself waits for readers for at least its update
/// interval, and ours is over in a millisecond.
const PATIENCE: Duration = Duration::from_millis(100);
/// How far apart two readings of the same boot's time may be: vnStat's own tolerance, seconds.
const BOOT_VARIATION: u64 = 15;
/// The schema of all of vnStat 2.
const SCHEMA: &str = "1";

/// What vnStat has written, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The version that wrote it.
    pub version: String,
    /// By interface, of those that were asked for and vnStat knows.
    pub links: HashMap<String, Link>,
}

/// One interface in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its counters and totals.
    pub seen: Seen,
    /// Its rows, if they were asked for.
    pub rows: Option<Rows>,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The interfaces.
    pub interfaces: &'a [String],
    /// Those whose rows are wanted, too.
    pub with_rows: &'a [String],
    /// When this boot began, seconds since the Unix epoch.
    pub boot_seconds: i64,
}

/// Reads the database in one short transaction.
///
/// # Errors
/// Why it cannot be read.
pub fn read(path: &Path, dates: &Dates, question: &Question<'_>) -> Result<Snapshot, Trouble> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    // Not immutable: vnStat writes to it. No CREATE: where nothing is, nothing shall be.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(explain)?;
    db.busy_timeout(PATIENCE).map_err(explain)?;
    let db = db.transaction().map_err(explain)?;
    let schema = info(&db, "dbversion").map_err(explain)?;
    if schema.as_deref() != Some(SCHEMA) {
        return Err(Trouble::Foreign(path.to_owned()));
    }
    let booted = info(&db, "btime").map_err(explain)?;
    let booted = booted.and_then(|text| text.parse::<i64>().ok());
    let is_of_this_boot = |updated_usec: i64| {
        let boot = question.boot_seconds;
        // The second for a vnStat whose idea of the boot is another since the clock was set.
        booted.is_some_and(|at| at.abs_diff(boot) <= BOOT_VARIATION)
            || updated_usec / 1_000_000 >= boot
    };
    let mut snapshot = Snapshot {
        version: info(&db, "vnstatversion")
            .map_err(explain)?
            .unwrap_or_default(),
        links: HashMap::new(),
    };
    for name in question.interfaces {
        let Some((id, seen)) = interface(&db, name, dates, &is_of_this_boot).map_err(explain)?
        else {
            continue;
        };
        let rows = question
            .with_rows
            .contains(name)
            .then(|| {
                // Of a vnStat that does not say when it wrote, now is the latest.
                let written = Some(seen.updated_usec).filter(|usec| *usec > 0);
                rows(&db, id, dates, written.unwrap_or(i64::MAX))
            })
            .transpose()
            .map_err(explain)?;
        snapshot.links.insert(name.clone(), Link { seen, rows });
    }
    Ok(snapshot)
}

fn info(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    db.query_row("SELECT value FROM info WHERE name = ?1", [name], |row| {
        row.get(0)
    })
    .optional()
}

fn interface(
    db: &Connection,
    name: &str,
    dates: &Dates,
    is_of_this_boot: &impl Fn(i64) -> bool,
) -> rusqlite::Result<Option<(i64, Seen)>> {
    db.query_row(
        "SELECT id, created, updated, txcounter, rxcounter, txtotal, rxtotal \
         FROM interface WHERE name = ?1",
        [name],
        |row| {
            let bytes = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
            let created: String = row.get(1)?;
            let updated: String = row.get(2)?;
            let updated_usec = dates.instant(&updated).unwrap_or(0);
            let seen = Seen {
                created_usec: dates.instant(&created).unwrap_or(0),
                updated_usec,
                created,
                counters: Counters {
                    tx: bytes(3)?,
                    rx: bytes(4)?,
                },
                totals: Counters {
                    tx: bytes(5)?,
                    rx: bytes(6)?,
                },
                is_of_this_boot: is_of_this_boot(updated_usec),
            };
            Ok((row.get(0)?, seen))
        },
    )
    .optional()
}

fn rows(db: &Connection, id: i64, dates: &Dates, updated_usec: i64) -> rusqlite::Result<Rows> {
    let table = |name: &str, grain| -> rusqlite::Result<Vec<Stretch>> {
        let mut statement = db.prepare(&format!(
            "SELECT date, tx, rx FROM {name} WHERE interface = ?1 ORDER BY date"
        ))?;
        let rows = statement.query_map([id], |row| {
            let date: String = row.get(0)?;
            let bytes = Counters {
                tx: row.get::<_, i64>(1)?.cast_unsigned(),
                rx: row.get::<_, i64>(2)?.cast_unsigned(),
            };
            Ok(stretch(&date, bytes, grain, dates, updated_usec))
        })?;
        rows.filter_map(Result::transpose).collect()
    };
    let rows = Rows {
        five_minutes: table("fiveminute", Grain::FiveMinutes)?,
        hours: table("hour", Grain::Hour)?,
        days: table("day", Grain::Day)?,
        months: table("month", Grain::Month)?,
    };
    Ok(rows.begun_at(updated_usec))
}

/// A row as a stretch; none if its date makes no sense. One that is not over ends when it was
/// written.
pub(super) fn stretch(
    date: &str,
    bytes: Counters,
    grain: Grain,
    dates: &Dates,
    updated_usec: i64,
) -> Option<Stretch> {
    let (start_usec, end) = dates.bounds(date, grain)?;
    Some(Stretch {
        start_usec,
        end_usec: end.min(updated_usec.max(start_usec + 1)),
        bytes,
    })
}

fn explain(path: &Path, error: &rusqlite::Error) -> Trouble {
    let owned: PathBuf = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Locked(owned),
        Some(ErrorCode::DatabaseCorrupt) => Trouble::Damaged(owned, plain(error)),
        Some(ErrorCode::NotADatabase) => Trouble::Foreign(owned),
        // SQLite says no more than "unable to open database file"; the system knows why.
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            match super::file::open(path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Trouble::Missing(owned),
                Err(cause) => Trouble::Unreadable(owned, cause.to_string()),
                Ok(_) => Trouble::Unreadable(owned, plain(error)),
            }
        }
        // "no such table": another program's database, or an empty file.
        Some(ErrorCode::Unknown) => Trouble::Foreign(owned),
        _ => Trouble::Unreadable(owned, plain(error)),
    }
}

/// SQLite's own words, without the statement.
fn plain(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        other => other.to_string(),
    }
}

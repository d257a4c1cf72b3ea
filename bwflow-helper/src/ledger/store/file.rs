//! The ledger's file: made whole or not at all, and never taken for another program's.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{StoreError, explain};
use crate::ledger::schema;

/// Makes an empty ledger beside its place and moves it there, so that a crash on the way cannot
/// leave a half-made one behind.
pub(super) fn create(directory: &Path, path: &Path) -> Result<(), StoreError> {
    let unwritable = |error| StoreError::Directory {
        path: directory.to_owned(),
        error,
    };
    make_directory(directory).map_err(unwritable)?;
    let draft = directory.join("ledger.db.new");
    for leftover in ["ledger.db.new", "ledger.db.new-wal", "ledger.db.new-shm"] {
        match fs::remove_file(directory.join(leftover)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
    }
    // Asked of the system first: SQLite would only say "unable to open database file".
    File::create_new(&draft).map_err(unwritable)?;
    let made = connect(&draft).and_then(|mut db| {
        tune(&db)?;
        schema::migrate(&mut db, 0)?;
        db.close().map_err(|(_, error)| error)
    });
    made.map_err(|error| explain(&draft, error))?;
    fs::rename(&draft, path)
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(unwritable)
}

/// Makes the state directory, for its owner and group only.
///
/// # Errors
/// When it cannot be made.
pub fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(directory)
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    Ok(db)
}

pub(super) fn tune(db: &Connection) -> rusqlite::Result<()> {
    // Every commit reaches the disk before it counts: with a write-ahead log that is one sync,
    // and neither SIGKILL nor a power cut loses more than the interval since.
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    // A ledger is small, and so shall the process be.
    db.pragma_update(None, "cache_size", -256)?;
    db.pragma_update(None, "mmap_size", 0)?;
    db.pragma_update(None, "wal_autocheckpoint", 100)?;
    db.set_prepared_statement_cache_capacity(12);
    Ok(())
}

/// The schema version of a ledger this version can work with.
pub(super) fn identify(path: &Path, db: &Connection) -> Result<usize, StoreError> {
    let sqlite = |error| explain(path, error);
    let id: i32 = db
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sqlite)?;
    if id != schema::APPLICATION_ID {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    let found = schema::version(db).map_err(sqlite)?;
    let known = schema::VERSION;
    usize::try_from(found)
        .ok()
        .filter(|from| *from <= known)
        .ok_or_else(|| StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        })
}

pub(super) fn check(path: &Path, db: &Connection) -> Result<(), StoreError> {
    let verdict: String = db
        .pragma_query_value(None, "quick_check", |row| row.get(0))
        .map_err(|error| explain(path, error))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Damaged {
            path: path.to_owned(),
            reason: verdict,
        })
    }
}

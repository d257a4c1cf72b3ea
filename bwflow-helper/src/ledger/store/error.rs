//! Why there is no ledger to work with, in words for the user.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no ledger to work with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory cannot be made or written to.
    #[error(
        "{}: the state directory cannot be written to: {error}\n\
         hint: create it for the user that runs bwflow-helper, or name another with \
         --state-directory", path.display()
    )]
    Directory {
        /// The state directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another helper works on this state directory.
    #[error(
        "{}: another bwflow-helper is using this state directory\n\
         hint: stop it first, or name another directory with --state-directory", path.display()
    )]
    Busy {
        /// The state directory.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "{}: the ledger is damaged: {reason}\n\
         hint: put back a copy, or move the file and its -wal and -shm neighbours away to begin \
         a new ledger; what was used in this period is then forgotten", path.display()
    )]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is some other program's database.
    #[error(
        "{}: this database is not a bwflow ledger\n\
         hint: move it away, or name another directory with --state-directory", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The ledger was written by a newer version.
    #[error(
        "{}: the ledger was written by a newer bwflow (schema {found}, this version knows {known})\n\
         hint: install that version or a newer one", path.display()
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema this version knows.
        known: usize,
    },
    /// Reading or writing failed.
    #[error("{}: {error}", path.display())]
    Sqlite {
        /// The ledger's file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
}

/// What SQLite said, in the user's terms.
pub(super) fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged {
            path,
            reason: error.to_string(),
        },
        _ => StoreError::Sqlite { path, error },
    }
}

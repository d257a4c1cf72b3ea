//! One helper at a time: two would charge every byte twice.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::store::StoreError;

/// Holds the state directory; let go when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the state directory.
    ///
    /// # Errors
    /// When another process has it, or the directory cannot be written to.
    pub fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("helper.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::Directory {
                path: directory.to_owned(),
                error,
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy {
                path: directory.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(StoreError::Directory {
                path: directory.to_owned(),
                error,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::take(directory.path()).unwrap();
        let refused = Lock::take(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("another bwflow-helper"), "{refused}");
        drop(first);
        Lock::take(directory.path()).unwrap();
    }
}

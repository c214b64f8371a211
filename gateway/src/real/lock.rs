//! One gateway for one database.
//!
//! A gateway takes every open row that it finds for one that nobody serves, so two on one file would end each other's
//! sessions. SQLite's own locks cannot keep the second one out: they are held for a transaction, or they lock out
//! readers such as the `sqlite3` shell as well. Hence a file of its own beside the database, locked for as long as
//! the process lives. The system lets go of it however the process ends, so a file that is left behind locks nothing;
//! it is not deleted, because between the deletion and the next lock two processes could each hold one.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// The right to a database. Dropping it gives the right back.
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Why there is no right to a database.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("database `{}` is in use by another gateway", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file beside it cannot be made or locked.
    #[error("cannot lock `{}`: {cause}", path.display())]
    CannotLock {
        /// The file beside the database.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl Lock {
    /// Takes the right to the database in the file `path`, which need not be there yet. Does not wait.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        // Two names of one file are one database.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut beside = path.clone().into_os_string();
        beside.push(".lock");
        let beside = PathBuf::from(beside);
        let cannot_lock = |cause| LockError::CannotLock { path: beside.clone(), cause };
        let file = File::options().create(true).truncate(false).write(true).open(&beside).map_err(cannot_lock)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse { path }),
            Err(TryLockError::Error(cause)) => Err(cannot_lock(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second is refused, under any name of the file, until the first lets go.
    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        fs::write(&path, "").expect("a file");
        let first = Lock::take(&path).expect("nobody has it");
        assert!(matches!(Lock::take(&path), Err(LockError::InUse { .. })));
        let detour = folder.path().join(".").join("state.db");
        assert!(matches!(Lock::take(&detour), Err(LockError::InUse { .. })));
        drop(first);
        Lock::take(&path).expect("nobody has it any more");
    }

    #[test]
    fn no_folder_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Lock::take(&folder.path().join("no/state.db")).err().expect("it is refused");
        assert!(matches!(error, LockError::CannotLock { .. }), "{error}");
    }
}

//! The lock that keeps a second gateway from a database.
//!
//! At its start a gateway ends every open row after a grace, so two gateways on one file would end each other's sessions.
//! SQLite's own locks do not help: they last for a transaction, or they also lock out readers such as the `sqlite3` shell.
//! So a separate file beside the database is locked while the process lives. The system releases the lock however the
//! process ends, so a leftover file locks nothing. The file is not deleted, because between the deletion and the next lock
//! two processes could each hold one.

use std::fs::{self, File, TryLockError};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A held lock on a database. Dropping it releases the lock.
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Why a database cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("database `{}` is in use by another gateway", path.display())]
    InUse {
        /// The database file, as the path was given.
        path: PathBuf,
    },
    /// The lock file cannot be created or locked.
    #[error("cannot lock `{}`: {cause}", path.display())]
    CannotLock {
        /// The file beside the database.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
}

impl Lock {
    /// Locks the database in the file `path`, which need not exist yet. Does not block.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        // Symbolic links and relative paths to one file must share one lock.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut beside = path.clone().into_os_string();
        beside.push(".lock");
        let beside = PathBuf::from(beside);
        let cannot_lock = |cause| LockError::CannotLock { path: beside.clone(), cause };
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&beside).map_err(cannot_lock)?;
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

    /// A second lock is refused, under any path of the file, until the first is released.
    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        fs::write(&path, "").expect("a file");
        let first = Lock::take(&path).expect("it is free");
        assert!(matches!(Lock::take(&path), Err(LockError::InUse { .. })));
        let detour = folder.path().join(".").join("state.db");
        assert!(matches!(Lock::take(&detour), Err(LockError::InUse { .. })));
        drop(first);
        Lock::take(&path).expect("it was released");
    }

    #[test]
    fn no_folder_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Lock::take(&folder.path().join("no/state.db")).err().expect("it is refused");
        assert!(matches!(error, LockError::CannotLock { .. }), "{error}");
    }
}

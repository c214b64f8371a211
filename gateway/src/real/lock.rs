//! The lock that keeps a second gateway from a database, and the watch over the file that it locks.
//!
//! At its start a gateway ends every open row after a grace, so two gateways on one file would end each other's sessions.
//! SQLite's own locks do not help: they last for a transaction, or they also lock out readers such as the `sqlite3` shell.
//! So the database file itself is locked with `flock` while the process lives: a lock of the file, whatever names lead to it.
//! It is independent of SQLite's locks (`fcntl`), and the system releases it however the process ends.
//!
//! Earlier builds locked a file beside the database instead, `state.db.lock`. One that is there is locked as well, so that neither such a
//! gateway that runs nor one that starts later shares the database. It is not created.
//!
//! A file that is open stays writable after it was removed or replaced, but what is written to it is lost when the process
//! ends. So the store asks [`Lock::check`] before it carries out a call, and after a commit.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{error, info};

/// A held lock on a database. Dropping it releases the lock.
///
/// It must be dropped after every SQLite connection to the file is closed: closing any descriptor of a file drops all locks
/// of the process on it, also SQLite's.
pub struct Lock {
    _file: File,
    _beside: Option<File>,
    path: PathBuf,
    inode: Inode,
    /// Whether the log says that the file is gone.
    is_told: AtomicBool,
}

/// Why a database cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("database `{}` is in use by another gateway", path.display())]
    InUse {
        /// The database file, as the path was given.
        path: PathBuf,
    },
    /// A gateway of an earlier build holds its lock, which is a file beside the database.
    #[error(
        "database `{}` is in use by another gateway, of an earlier build: it holds `{}`",
        path.display(),
        beside.display()
    )]
    InUseByEarlier {
        /// The database file, as the path was given.
        path: PathBuf,
        /// The file that is locked.
        beside: PathBuf,
    },
    /// The file cannot be read or locked.
    #[error("cannot lock `{}`: {cause}", path.display())]
    CannotLock {
        /// The database file, as the path was given, or the file beside it.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
}

/// Why the path does not lead to the locked file any more.
#[derive(Debug)]
pub enum Gone {
    /// There is no file at the path.
    Removed,
    /// There is another file.
    Replaced,
    /// The system does not say.
    Hidden(io::Error),
}

/// The identity of a file, which all its names share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Lock {
    /// Locks the database in the file `path`, which must exist. Does not block, and changes nothing.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let cannot_lock = |cause| LockError::CannotLock { path: path.to_owned(), cause };
        // Asked before the file is opened, because opening a pipe waits for its other end.
        if !fs::metadata(path).map_err(cannot_lock)?.is_file() {
            return Err(cannot_lock(io::Error::other("not a file")));
        }
        let file = File::open(path).map_err(cannot_lock)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(cannot_lock(cause)),
        }
        let beside = take_beside(path)?;
        let inode = Inode::of(&file.metadata().map_err(cannot_lock)?);
        let path = path::absolute(path).map_err(cannot_lock)?;
        Ok(Self { _file: file, _beside: beside, path, inode, is_told: AtomicBool::new(false) })
    }

    /// Whether the path still leads to the locked file. A change is logged when it is first seen.
    pub fn check(&self) -> Result<(), Gone> {
        let seen = self.look();
        let was_gone = self.is_told.swap(seen.is_err(), Ordering::Relaxed);
        match &seen {
            Err(gone) if !was_gone => error!(
                db = %self.path.display(),
                "{gone}; every call is refused until it is back: move it back, or restart the gateway on a file that is there"
            ),
            Ok(()) if was_gone => info!(db = %self.path.display(), "the database file is back"),
            _ => {}
        }
        seen
    }

    fn look(&self) -> Result<(), Gone> {
        match fs::metadata(&self.path) {
            Ok(metadata) if Inode::of(&metadata) == self.inode => Ok(()),
            Ok(_) => Err(Gone::Replaced),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(Gone::Removed)
            }
            Err(error) => Err(Gone::Hidden(error)),
        }
    }
}

/// Locks the file that an earlier build locks, if it is there.
fn take_beside(path: &Path) -> Result<Option<File>, LockError> {
    // As they found it: links and relative paths to one file shared one lock.
    let mut beside = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).into_os_string();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    if !fs::metadata(&beside).is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let cannot_lock = |cause| LockError::CannotLock { path: beside.clone(), cause };
    let file = File::open(&beside).map_err(cannot_lock)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            Err(LockError::InUseByEarlier { path: path.to_owned(), beside: beside.clone() })
        }
        Err(TryLockError::Error(cause)) => Err(cannot_lock(cause)),
    }
}

impl Inode {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => formatter.write_str("the database file was removed"),
            Self::Replaced => formatter.write_str("the database file was replaced by another file"),
            Self::Hidden(cause) => write!(formatter, "the database file cannot be found: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn file(folder: &Path) -> PathBuf {
        let path = folder.join("state.db");
        fs::write(&path, "").expect("a file");
        path
    }

    /// A second lock is refused, under any name of the file, until the first is released. A copy is another file.
    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path());
        let name = |name: &str| folder.path().join(name);
        fs::hard_link(&path, name("hard.db")).expect("a link");
        symlink(&path, name("soft.db")).expect("a link");
        fs::copy(&path, name("copy.db")).expect("a copy");
        let first = Lock::take(&path).expect("it is free");
        for other in ["state.db", "./state.db", "hard.db", "soft.db"] {
            assert!(matches!(Lock::take(&name(other)), Err(LockError::InUse { .. })), "{other}");
        }
        Lock::take(&name("copy.db")).expect("it is another file");
        drop(first);
        Lock::take(&name("hard.db")).expect("it was released");
    }

    /// A gateway of an earlier build is seen under each path of the file, and one that starts later finds its own lock taken. What such
    /// builds have left behind locks nothing, and none is made.
    #[test]
    fn earlier_builds_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path());
        let (beside, link) = (folder.path().join("state.db.lock"), folder.path().join("link.db"));
        symlink(&path, &link).expect("a link");
        drop(Lock::take(&path).expect("it is free"));
        assert!(!beside.exists());
        let earlier = File::create(&beside).expect("a file");
        earlier.try_lock().expect("it is free");
        for name in [&path, &link] {
            assert!(matches!(Lock::take(name), Err(LockError::InUseByEarlier { .. })), "{}", name.display());
        }
        earlier.unlock().expect("it ends");
        let held = Lock::take(&link).expect("the file alone locks nothing");
        assert!(matches!(earlier.try_lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        earlier.try_lock().expect("it was released");
    }

    #[test]
    fn no_file_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path().join("no/state.db"), folder.path().to_owned()] {
            let error = Lock::take(&path).err().expect("it is refused");
            assert!(matches!(error, LockError::CannotLock { .. }), "{error}");
        }
    }

    /// A file that was moved, removed or replaced is gone, until it is back.
    #[test]
    fn a_file_that_is_gone_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path());
        let away = folder.path().join("away.db");
        let lock = Lock::take(&path).expect("it is free");
        lock.check().expect("it is there");
        fs::rename(&path, &away).expect("it moves");
        assert!(matches!(lock.check(), Err(Gone::Removed)));
        fs::write(&path, "").expect("a file");
        assert!(matches!(lock.check(), Err(Gone::Replaced)));
        fs::rename(&away, &path).expect("it moves back");
        lock.check().expect("it is back");
    }
}

//! A way to read a database that writes nothing into the file and creates nothing beside it.
//!
//! SQLite itself creates `-wal` and `-shm` for any reader of a database in WAL mode that does not have them. So the way depends
//! on what lies beside the file. [`Read`] says which was taken.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};
use serde::Serialize;
use tempfile::TempDir;

use crate::error::AuditError;
use crate::lock;

/// The first bytes of every SQLite database that is not encrypted.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The byte of the header that says how the file may be read: 2 for a WAL.
const READ_VERSION: usize = 19;

/// How long an audit waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(3);

/// How much of the file SQLite keeps in memory, in KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// The file and its WAL, which other processes may write to meanwhile. Their `-shm` is read, not written.
    WithWal,
    /// The file alone: it is in WAL mode, and has no WAL beside it.
    WithoutWal,
    /// A private copy of the file and its WAL or rollback journal, because SQLite would create or change files beside them.
    PrivateCopy,
    /// The file of a database that has no WAL.
    File,
}

/// An open database. The order of the fields is that of their end: a copy is deleted after its connection.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) read: Read,
    path: PathBuf,
    /// What the file was before it was read, if it is read without locks.
    stamp: Option<Stamp>,
    _copy: Option<TempDir>,
}

/// What changes when a file is written to.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<std::time::Duration>,
}

/// A file at which was looked. While this lives, no gateway removes what was seen beside it.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    way: Way,
    /// Locked; unlocked when it is closed.
    _file: File,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    BesideAWriter,
    CopyWithWal,
    WithoutWal,
    File,
}

impl Held {
    /// Finds the way.
    ///
    /// The last gateway that closes a database removes its WAL, and SQLite would create one for a reader that comes then. So
    /// the file is locked first, as every reader locks it: only who is alone with it may remove the WAL.
    fn look(path: &Path) -> Result<Self, AuditError> {
        let file = file(path)?;
        if !lock::shared(&file, BUSY) {
            return Err(AuditError::Locked { path: path.to_owned() });
        }
        let header = header(path, &file)?;
        // What belongs to the file lies beside it, not beside a link to it.
        let path = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
        let (wal, shm) = (beside(&path, "-wal"), beside(&path, "-shm"));
        let is_wal_mode = header[READ_VERSION] == 2;
        let way = match (is_wal_mode, wal.exists(), shm.exists()) {
            (true, true, true) => Way::BesideAWriter,
            (true, true, false) if has_bytes(&wal) => Way::CopyWithWal,
            (true, ..) => Way::WithoutWal,
            (false, ..) => Way::File,
        };
        Ok(Self { path, way, _file: file })
    }

    /// Goes it, up to the lock that SQLite itself holds while it reads.
    fn open(self) -> Result<Opened, AuditError> {
        let path = &self.path;
        match self.way {
            Way::BesideAWriter => Opened::beside_a_writer(path),
            Way::CopyWithWal => Opened::copied(path, "-wal"),
            Way::WithoutWal => {
                let stamp = Stamp::of(path).map_err(|source| unreadable(path, source))?;
                let connection = connect(path, "mode=ro&immutable=1")?;
                Opened::checked(connection, Read::WithoutWal, path, Some(stamp), None)
            }
            Way::File => match Opened::checked(connect(path, "mode=ro")?, Read::File, path, None, None) {
                // A writer has died in a transaction, and only a writer may roll it back.
                Err(AuditError::Query { source, .. }) if needs_a_writer(&source) => Opened::copied(path, "-journal"),
                opened => opened,
            },
        }
    }
}

impl Opened {
    /// Opens the file, and reads its first page.
    pub(crate) fn open(path: &Path) -> Result<Self, AuditError> {
        Held::look(path)?.open()
    }

    /// Whether the file is still the one that was read.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.stamp.as_ref().is_none_or(|before| Stamp::of(&self.path).is_ok_and(|after| after == *before))
    }

    /// Reads a WAL that another process may be writing. With a `-shm` that is only read, SQLite does not even mark the place
    /// that it reads; it refuses where it would have to, and then marks it as every other reader does.
    fn beside_a_writer(path: &Path) -> Result<Self, AuditError> {
        let quiet = connect(path, "mode=ro&readonly_shm=1")?;
        match Self::checked(quiet, Read::WithWal, path, None, None) {
            Err(AuditError::Query { source, .. }) if needs_a_writer(&source) => {
                Self::checked(connect(path, "mode=ro")?, Read::WithWal, path, None, None)
            }
            opened => opened,
        }
    }

    /// Reads a copy, which SQLite may repair and add files to.
    fn copied(path: &Path, suffix: &'static str) -> Result<Self, AuditError> {
        let not_copied = |source| AuditError::NotCopied { path: path.to_owned(), beside: suffix, source };
        let folder = tempfile::Builder::new().prefix("sim-audit-").tempdir().map_err(not_copied)?;
        let (copy, log) = (folder.path().join("state.db"), beside(path, suffix));
        let before = (Stamp::of(path).map_err(not_copied)?, Stamp::of(&log).map_err(not_copied)?);
        fs::copy(path, &copy).map_err(not_copied)?;
        fs::copy(&log, beside(&copy, suffix)).map_err(not_copied)?;
        let after = (Stamp::of(path).map_err(not_copied)?, Stamp::of(&log).map_err(not_copied)?);
        if before != after {
            return Err(AuditError::Changed { path: path.to_owned() });
        }
        make_writable(&copy).and_then(|()| make_writable(&beside(&copy, suffix))).map_err(not_copied)?;
        Self::checked(connect(&copy, "mode=rw")?, Read::PrivateCopy, path, None, Some(folder))
    }

    fn checked(
        connection: Connection,
        read: Read,
        path: &Path,
        stamp: Option<Stamp>,
        copy: Option<TempDir>,
    ) -> Result<Self, AuditError> {
        let failed = |source| of_sqlite(path, source, None);
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(failed)?;
        // What is checked here is what is read: everything of the audit happens in this transaction.
        connection.execute_batch("BEGIN").map_err(failed)?;
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)?;
        Ok(Self { connection, read, path: path.to_owned(), stamp, _copy: copy })
    }
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata: Metadata = fs::metadata(path)?;
        let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).ok();
        Ok(Self { bytes: metadata.len(), modified })
    }
}

/// Names what SQLite says, with what a page check has found before.
pub(crate) fn of_sqlite(path: &Path, source: rusqlite::Error, complaint: Option<&String>) -> AuditError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => AuditError::Locked { path },
        Some(ffi::ErrorCode::NotADatabase) => AuditError::NotADatabase { path },
        Some(ffi::ErrorCode::DatabaseCorrupt) => {
            AuditError::Damaged { path, cause: complaint.cloned().unwrap_or_else(|| source.to_string()) }
        }
        _ => AuditError::Query { path, source },
    }
}

fn file(path: &Path) -> Result<File, AuditError> {
    let failed = |source| unreadable(path, source);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(AuditError::Folder { path: path.to_owned() });
    }
    // A pipe would be waited for.
    if !metadata.is_file() {
        return Err(AuditError::NotADatabase { path: path.to_owned() });
    }
    if metadata.len() == 0 {
        return Err(AuditError::Empty { path: path.to_owned() });
    }
    File::open(path).map_err(failed)
}

fn header(path: &Path, mut file: &File) -> Result<[u8; 100], AuditError> {
    let mut header = [0; 100];
    let is_whole = file.read_exact(&mut header).is_ok();
    if !is_whole || !header.starts_with(MAGIC) {
        return Err(AuditError::NotADatabase { path: path.to_owned() });
    }
    Ok(header)
}

fn unreadable(path: &Path, source: std::io::Error) -> AuditError {
    AuditError::Unreadable { path: path.to_owned(), source }
}

/// Whether SQLite refuses to read because it would have to write first.
fn needs_a_writer(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ffi::ErrorCode::ReadOnly | ffi::ErrorCode::CannotOpen))
}

fn connect(path: &Path, parameters: &str) -> Result<Connection, AuditError> {
    let path_of_uri = std::path::absolute(path).map_err(|source| unreadable(path, source))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let uri = format!("file:{}?{parameters}", encoded(&path_of_uri));
    Connection::open_with_flags(uri, flags).map_err(|source| of_sqlite(path, source, None))
}

/// A path as it stands in a URI: every byte that could mean something there is written as a number.
fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(*byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// A WAL without bytes has nothing that the file lacks.
fn has_bytes(wal: &Path) -> bool {
    fs::metadata(wal).is_ok_and(|metadata| metadata.len() > 0)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A copy has the permissions of its original, which may be read-only.
fn make_writable(path: &Path) -> std::io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "the copy lies in a folder that only its owner can enter"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway that ends between the look and the open leaves its WAL, so that SQLite does not create another one; the next
    /// that ends removes it.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_last_gateway_may_end_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let gateway = || {
            let gateway = Connection::open(&path).expect("it opens");
            gateway
                .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS notes (text)")
                .expect("a table");
            gateway
        };
        let files = || fs::read_dir(folder.path()).expect("a folder").count();
        let last = gateway();
        let held = Held::look(&path).expect("it is a database");
        assert_eq!((held.way, files()), (Way::BesideAWriter, 3));
        drop(last);
        assert_eq!(files(), 3, "the WAL is left");
        let opened = held.open().expect("it opens");
        assert_eq!((opened.read, files()), (Read::WithWal, 3));
        drop(opened);
        drop(gateway());
        assert_eq!(files(), 1);
    }

    /// A file that is read without locks has had no writer meanwhile, whether it has grown or not.
    #[test]
    fn a_write_meanwhile_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let writer = Connection::open(&path).expect("it opens");
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)").expect("a table");
        drop(writer);
        let opened = Opened::open(&path).expect("it opens");
        assert!(opened.read == Read::WithoutWal && opened.is_unchanged());
        let bytes = fs::read(&path).expect("the file");
        let later = fs::metadata(&path).and_then(|file| file.modified()).expect("a time") + Duration::from_secs(1);
        fs::write(&path, &bytes).expect("a file");
        File::options().append(true).open(&path).and_then(|file| file.set_modified(later)).expect("a time");
        assert!(!opened.is_unchanged());
    }
}

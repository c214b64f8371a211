//! The SQL: the rows of a [`Store`](gateway_core::store::Store) in one SQLite database.
//!
//! [`Database`] answers at once and on the thread that asks; production puts it on a thread of its own, a
//! simulator into its own store. It knows no time and draws nothing: each value in a row comes with the call.
//!
//! In the order a call goes through them: `schema` makes the tables, `write` carries transactions out with the
//! help of `title` and `tip`, `read` answers questions, `column` turns values into columns and back.

mod column;
mod failure;
mod read;
mod schema;
#[cfg(test)]
mod story;
mod tip;
mod title;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi};

use gateway_core::store::{Found, MessageRow, Read, SessionRow, StoreError, Write, Written};

use failure::Failure;

pub use schema::SCHEMA_VERSION;

/// One open database.
pub struct Database {
    connection: Connection,
}

/// Every row there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    /// The session rows in the order in which they were created.
    pub sessions: Vec<SessionRow>,
    /// The message rows by id, replaced ones included.
    pub messages: Vec<MessageRow>,
}

/// Why a database does not open. A file that was there is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No file there, no right to it, no folder for it.
    #[error("cannot open database `{}`: {cause}", path.display())]
    CannotOpen {
        /// Where.
        path: PathBuf,
        /// What the system or SQLite said.
        cause: String,
    },
    /// The file holds something else.
    #[error("`{}` is not a database", path.display())]
    NotADatabase {
        /// Where.
        path: PathBuf,
    },
    /// A database of another program.
    #[error("`{}` is a database, but not one of a gateway: it has tables and no schema version", path.display())]
    NotOurs {
        /// Where.
        path: PathBuf,
    },
    /// Written by a newer gateway.
    #[error(
        "database `{}` has schema version {found}, this gateway knows versions up to {known}; use a newer gateway",
        path.display()
    )]
    NewerSchema {
        /// Where.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Written by an older gateway. Nothing here changes old tables.
    #[error(
        "database `{}` has schema version {found}, this gateway needs version {known}; use another path",
        path.display()
    )]
    OlderSchema {
        /// Where.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
}

/// How long a writer waits for another process that holds the file.
pub const BUSY: Duration = Duration::from_secs(1);

/// More than there are statements, so that each is prepared once.
const STATEMENTS_MAX: usize = 64;

impl Database {
    /// A new database that lives as long as this value.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        Self::prepare(Connection::open_in_memory().map_err(|error| not_opened(path, &error))?, path)
    }

    /// The database in the file `path`, made if there is none.
    ///
    /// What the file holds is looked at before anything is written, and the tables are made in one transaction. A path is a path:
    /// names that SQLite takes for something else are refused. A database without a file nobody else could open, and a
    /// file that has a second name, as a URI, could be locked twice.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let name = path.as_os_str().as_encoded_bytes();
        if name.is_empty() || name == b":memory:" || name.starts_with(b"file:") {
            let cause = "a database needs the path of a file".to_owned();
            return Err(OpenError::CannotOpen { path: path.to_owned(), cause });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::prepare(Connection::open_with_flags(path, flags).map_err(|error| not_opened(path, &error))?, path)
    }

    /// The database in the file `path` once more, to answer questions only. It must have been [opened](Self::open).
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| not_opened(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.busy_timeout(BUSY).map_err(failed)?;
        Ok(Self { connection })
    }

    /// Carries out one transaction, all of it or nothing.
    ///
    /// # Panics
    ///
    /// If the child of a [`Write::Rotate`] or a [`Write::Branch`] does not name its parent.
    pub fn write(&mut self, write: &Write) -> Result<Written, StoreError> {
        Ok(self.write_alone(write)?)
    }

    /// Carries out several transactions with one commit, for a disk takes as long for one as for many. Each is still all
    /// or nothing by itself, they follow each other, and none is answered before all are stored.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    pub fn write_all(&mut self, writes: &[&Write]) -> Vec<Result<Written, StoreError>> {
        if writes.len() > 1
            && let Ok(written) = self.write_together(writes)
        {
            return written;
        }
        // One alone, or nothing is stored of any: what stood in the way of all is told to those in whose way it stands.
        writes.iter().map(|write| self.write(write)).collect()
    }

    fn write_alone(&mut self, write: &Write) -> Result<Written, Failure> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write::carry_out(&transaction, write)?;
        transaction.commit()?;
        Ok(written)
    }

    /// The error is one in the middle: then everything is rolled back.
    fn write_together(&mut self, writes: &[&Write]) -> rusqlite::Result<Vec<Result<Written, StoreError>>> {
        let transaction = match self.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            // Whoever holds the file was waited for; waiting again for each would hold up all that come after.
            Err(error) => return Ok(vec![Err(Failure::from(error).into()); writes.len()]),
        };
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            transaction.prepare_cached("SAVEPOINT one")?.execute([])?;
            let written = write::carry_out(&transaction, write);
            if written.is_err() {
                // Fails where the error has rolled back everything: then there is no savepoint either.
                transaction.prepare_cached("ROLLBACK TO one")?.execute([])?;
            }
            transaction.prepare_cached("RELEASE one")?.execute([])?;
            answers.push(written.map_err(StoreError::from));
        }
        transaction.commit()?;
        Ok(answers)
    }

    /// Answers a question from one committed state.
    pub fn read(&self, read: &Read) -> Result<Found, StoreError> {
        // A question may take several statements; the transaction lets no other process write in between.
        let snapshot = self.connection.unchecked_transaction().map_err(Failure::from)?;
        Ok(read::answer(&snapshot, read).map_err(Failure::from)?)
    }

    /// Every row, for reports.
    pub fn dump(&self) -> Result<Dump, StoreError> {
        let snapshot = self.connection.unchecked_transaction().map_err(Failure::from)?;
        Ok(Dump {
            sessions: read::all_sessions(&snapshot).map_err(Failure::from)?,
            messages: read::all_messages(&snapshot).map_err(Failure::from)?,
        })
    }

    /// Deletes every row, and message ids start again at 1. Tables and prepared statements stay, which makes this
    /// several times faster than a new database.
    pub fn reset(&mut self) -> Result<(), StoreError> {
        Ok(self.delete_all().map_err(Failure::from)?)
    }

    fn delete_all(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for table in schema::EMPTY_TABLES {
            transaction.prepare_cached(table)?.execute([])?;
        }
        transaction.commit()
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<Self, OpenError> {
        let failed = |error| not_opened(path, &error);
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        schema::ensure(&mut connection, path)?;
        // Last, because it changes the file. Where WAL is impossible (in memory, on a network) SQLite keeps the
        // mode it had and says so, which is no error.
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(failed)?;
        Ok(Self { connection })
    }
}

fn not_opened(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ffi::ErrorCode::NotADatabase) => OpenError::NotADatabase { path: path.to_owned() },
        _ => OpenError::CannotOpen { path: path.to_owned(), cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::story::{database, line};
    use super::*;
    use gateway_core::clock::Wall;
    use gateway_core::store::{EndReason, NewMessage, NewSession, Role, StoredId};

    fn session(id: &str) -> NewSession {
        let (source, id) = ("tui".to_owned(), StoredId::new(id));
        let (model, parent, branched_from, cwd, title) = Default::default();
        NewSession { id, source, model, parent, branched_from, started_at: Wall(1000), cwd, title }
    }

    fn create(id: &str) -> Write {
        Write::CreateSession { session: session(id) }
    }

    fn say(id: &str) -> Write {
        let messages = vec![NewMessage::text(Role::User, "hello", Wall(2000))];
        Write::Append { session: StoredId::new(id), messages }
    }

    #[track_caller]
    fn check(database: &mut Database, writes: &[Write], answers: &[Result<usize, &str>], rows: &[&str]) {
        let written = database.write_all(&writes.iter().collect::<Vec<_>>());
        let told = |error: StoreError| match error {
            StoreError::NotWritten { .. } => "not written".to_owned(),
            error => error.to_string(),
        };
        let written: Vec<_> = written.into_iter().map(|one| one.map(|one| one.changed).map_err(told)).collect();
        let answers: Vec<_> = answers.iter().map(|answer| answer.map_err(str::to_owned)).collect();
        assert_eq!(written, answers);
        let dump = database.dump().expect("rows");
        assert_eq!(dump.sessions.iter().map(line).collect::<Vec<_>>(), rows);
    }

    /// Each has its own answer, and sees those before it; one that fails leaves nothing and stops nobody.
    #[test]
    fn writes_together_are_as_one_by_one() {
        let end = Write::End { session: StoredId::new("a"), at: Wall(9000), reason: EndReason::TuiClose };
        let missing = StoreError::NoSession.to_string();
        // Its parent has been ended when it finds that there is such a row already.
        let taken = Write::Rotate {
            parent: StoredId::new("b"),
            at: Wall(9000),
            child: NewSession { parent: Some(StoredId::new("b")), ..session("a") },
            messages: Vec::new(),
        };
        let writes = [create("a"), say("a"), say("nobody"), end.clone(), end, create("b"), taken, say("a")];
        let answers = [Ok(1), Ok(1), Err(missing.as_str()), Ok(1), Ok(0), Ok(1), Err("not written"), Ok(1)];
        check(&mut database(""), &writes, &answers, &["a@1 tui_close@9 messages=2", "b@1"]);
        check(&mut database(""), &[create("a")], &[Ok(1)], &["a@1"]);
        check(&mut database(""), &[], &[], &[]);
    }

    /// An error that takes everything back with it takes back only its own write in the end.
    #[test]
    fn an_error_of_one_is_not_one_of_all() {
        let mut database = database("");
        let trigger = "CREATE TRIGGER bad BEFORE INSERT ON sessions WHEN NEW.id = 'bad'
                       BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END";
        database.connection.execute_batch(trigger).expect("a trigger");
        let writes = [create("a"), say("a"), create("bad"), create("b")];
        check(&mut database, &writes, &[Ok(1), Ok(1), Err("not written"), Ok(1)], &["a@1 messages=1", "b@1"]);
    }

    /// A file that another process holds is waited for once, not once for each.
    #[test]
    fn a_file_in_use_is_told_to_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let mut database = Database::open(&path).expect("it opens");
        database.connection.busy_timeout(Duration::ZERO).expect("a setting");
        let other = Connection::open(&path).expect("it opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
        check(&mut database, &[create("a"), create("b")], &[Err("not written"), Err("not written")], &[]);
        other.execute_batch("ROLLBACK").expect("it was begun");
        check(&mut database, &[create("a"), create("b")], &[Ok(1), Ok(1)], &["a@1", "b@1"]);
    }
}

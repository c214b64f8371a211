//! The open database: transactions, queries, and the whole content for reports.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, ffi};

use super::durability::Durability;
use super::error::{OpenError, not_opened};
use super::failure::{Failure, is_of_the_disk};
use super::{input, read, schema, write};
use gateway_core::store::{Found, MessageRow, NewInput, Read, SessionRow, StoreError, Write, Written};

/// An open connection to one database, with its prepared statements.
pub struct Database {
    pub(super) connection: Connection,
}

/// The sessions, their messages, and what waits for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    /// Session rows, in order of creation.
    pub sessions: Vec<SessionRow>,
    /// Message rows, in order of id, archived ones included.
    pub messages: Vec<MessageRow>,
    /// Accepted inputs, oldest first.
    pub inputs: Vec<NewInput>,
}

/// How much of a file was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Every page.
    Whole,
    /// The pages that there was time for.
    Partly,
}

/// The steps of SQLite, about a page each, after which a check asks whether it is over.
const CHECK_STEPS: i32 = 100;

/// How long opening, and a reader, wait for a lock that another process holds. A writer's time is set by its user.
const BUSY: Duration = Duration::from_secs(30);

/// The flags of a database that is created if it does not exist.
const CREATE: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_CREATE).union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The capacity of the statement cache. Above the number of statements, so that each is prepared once.
const STATEMENTS_MAX: usize = 80;

impl Database {
    /// Creates a database in memory. It is gone when this value is dropped.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        let connection = Connection::open_in_memory().map_err(|error| not_opened(path, &error))?;
        Self::prepare(connection, path, Durability::SERVED)
    }

    /// Opens the database in the file `path`, and creates it if it does not exist.
    ///
    /// The content is checked before anything is written, and the tables are created in one transaction. Names that SQLite
    /// does not take as the path of a file (empty, `:memory:`, `file:` URIs) are refused: a URI would be a second name of a
    /// file, under which it could be locked twice.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        if !Self::names_a_file(path) {
            let cause = "a database needs the path of a file".to_owned();
            return Err(OpenError::CannotOpen { path: path.to_owned(), cause });
        }
        Self::prepare(open_to_write(path)?, path, Durability::SERVED)
    }

    /// As [`open`](Self::open), and refuses a file with damaged pages, before anything is written to it. The pages are checked until
    /// `is_over`, which is asked often; the result says whether all of them were.
    pub fn open_checked(
        path: &Path,
        is_over: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(Self, Checked), OpenError> {
        let failed = |error| not_opened(path, &error);
        if !Self::names_a_file(path) {
            return Self::open(path).map(|database| (database, Checked::Whole));
        }
        let mut connection = open_to_write(path)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.progress_handler(CHECK_STEPS, Some(is_over)).map_err(failed)?;
        let first = first_flaw(&connection);
        connection.progress_handler(CHECK_STEPS, None::<fn() -> bool>).map_err(failed)?;
        let checked = match first {
            Ok(None) => Checked::Whole,
            Ok(Some(line)) => {
                // The first line only names the database, if there are two.
                let cause = line.lines().last().unwrap_or_default().to_owned();
                return Err(OpenError::Damaged { path: path.to_owned(), cause });
            }
            Err(error) if error.sqlite_error_code() == Some(ffi::ErrorCode::OperationInterrupted) => Checked::Partly,
            Err(error) => return Err(failed(error)),
        };
        Ok((Self::prepare(connection, path, Durability::SERVED)?, checked))
    }

    /// Whether SQLite takes this as the path of a file; [`open`](Self::open) refuses any other.
    pub fn names_a_file(path: &Path) -> bool {
        let name = path.as_os_str().as_encoded_bytes();
        !name.is_empty() && name != b":memory:" && !name.starts_with(b"file:")
    }

    /// As [`open`](Self::open), on the file methods that are registered with SQLite as `vfs`, and with other settings.
    pub fn open_on(path: &Path, vfs: &str, durability: Durability) -> Result<Self, OpenError> {
        let connection = Connection::open_with_flags_and_vfs(path, CREATE, vfs);
        Self::prepare(connection.map_err(|error| not_opened(path, &error))?, path, durability)
    }

    /// Opens the database in the file `path` read-only. [`open`](Self::open) must have created or checked it before.
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| not_opened(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.busy_timeout(BUSY).map_err(failed)?;
        Ok(Self { connection })
    }

    /// Sets how long a statement waits for a lock that another process holds before it fails as busy.
    pub fn set_busy_timeout(&self, wait: Duration) -> Result<(), StoreError> {
        Ok(self.connection.busy_timeout(wait).map_err(Failure::from)?)
    }

    /// Executes one transaction: all of it, or nothing on an error.
    ///
    /// # Panics
    ///
    /// When the child of a [`Write::Rotate`] or a [`Write::Branch`] does not name its parent.
    pub fn write(&mut self, write: &Write) -> Result<Written, StoreError> {
        Ok(self.write_alone(write)?)
    }

    /// Executes several transactions with one commit, because a commit costs one disk flush however much it holds. Each
    /// remains atomic (a savepoint of its own), sees those before it, and is answered only after the commit.
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
        // Either there is one write, or none of the group was stored. Executed singly, each write gets its own error.
        writes.iter().map(|write| self.write(write)).collect()
    }

    /// Executes a transaction, reads the tables, and rolls it back: what [`write`](Self::write) would answer and leave.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    pub fn rehearse(&mut self, write: &Write) -> Result<(Written, Dump), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(Failure::from)?;
        let written = write::carry_out(&transaction, write)?;
        Ok((written, dump(&transaction)?))
    }

    fn write_alone(&mut self, write: &Write) -> Result<Written, Failure> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write::carry_out(&transaction, write)?;
        transaction.commit().map_err(Failure::of_commit)?;
        Ok(written)
    }

    /// Executes the writes as savepoints of one transaction. An error outside a savepoint rolls back all of them.
    fn write_together(&mut self, writes: &[&Write]) -> rusqlite::Result<Vec<Result<Written, StoreError>>> {
        let transaction = match self.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            // The busy timeout is over. Waiting for it again for each write would delay all later calls.
            Err(error) => return Ok(vec![Err(Failure::from(error).into()); writes.len()]),
        };
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            transaction.prepare_cached("SAVEPOINT one")?.execute([])?;
            let written = write::carry_out(&transaction, write);
            if written.is_err() {
                // Fails when the error has rolled back the whole transaction, and with it the savepoint.
                transaction.prepare_cached("ROLLBACK TO one")?.execute([])?;
            }
            transaction.prepare_cached("RELEASE one")?.execute([])?;
            answers.push(written.map_err(StoreError::from));
        }
        match transaction.commit() {
            Ok(()) => Ok(answers),
            // Executed singly, the writes might be there twice.
            Err(error) if is_of_the_disk(&error) => Ok(vec![Err(Failure::of_commit(error).into()); writes.len()]),
            Err(error) => Err(error),
        }
    }

    /// Executes a query on one committed state.
    pub fn read(&self, read: &Read) -> Result<Found, StoreError> {
        // A query may take several statements. The transaction gives all of them one snapshot.
        let snapshot = self.connection.unchecked_transaction().map_err(Failure::from)?;
        Ok(read::answer(&snapshot, read).map_err(Failure::from)?)
    }

    /// Reads the tables whole, for reports.
    pub fn dump(&self) -> Result<Dump, StoreError> {
        let snapshot = self.connection.unchecked_transaction().map_err(Failure::from)?;
        dump(&snapshot)
    }

    /// Inserts rows as another process has left them, with the message ids that they have. Parents come before their children.
    pub fn insert(&mut self, dump: &Dump) -> Result<(), StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Failure::from)?;
        write::insert(&transaction, &dump.sessions, &dump.messages).map_err(Failure::from)?;
        Ok(transaction.commit().map_err(Failure::of_commit)?)
    }

    /// Deletes all rows, so that message ids start again at 1. Tables and prepared statements are kept, which is several
    /// times faster than a new database.
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

    /// What SQLite finds wrong in the file: damaged pages, indices that differ from their table, rows that refer to none.
    /// Empty for a sound file. Reads all of it.
    pub fn complaints(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.check().map_err(Failure::from)?)
    }

    fn check(&self) -> rusqlite::Result<Vec<String>> {
        let mut complaints = Vec::new();
        let mut pages = self.connection.prepare_cached("PRAGMA integrity_check")?;
        for line in pages.query_map([], |row| row.get::<_, String>(0))? {
            complaints.extend(Some(line?).filter(|line| line != "ok"));
        }
        let mut keys = self.connection.prepare_cached("PRAGMA foreign_key_check")?;
        for row in keys.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)))? {
            let (table, number) = row?;
            complaints.push(format!("row {number:?} of {table} refers to a row that is missing"));
        }
        Ok(complaints)
    }

    fn prepare(mut connection: Connection, path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let failed = |error| not_opened(path, &error);
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        durability.apply_waits(&connection).map_err(failed)?;
        schema::ensure(&mut connection, path)?;
        // Last, because it changes the file.
        durability.apply_journal(&connection).map_err(failed)?;
        Ok(Self { connection })
    }
}

/// Opens or creates a file. SQLite opens one that it may not write to all the same, to read it: that is refused before it puts
/// journals beside it.
fn open_to_write(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error| not_opened(path, &error);
    let connection = Connection::open_with_flags(path, CREATE).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::CannotOpen { path: path.to_owned(), cause: "the file is read-only".to_owned() });
    }
    Ok(connection)
}

fn dump(connection: &Connection) -> Result<Dump, StoreError> {
    Ok(Dump {
        sessions: read::all_sessions(connection).map_err(Failure::from)?,
        messages: read::all_messages(connection).map_err(Failure::from)?,
        inputs: input::all(connection).map_err(Failure::from)?,
    })
}

/// The first flaw of the tables. Virtual tables and what they keep beside are left out: the search index of another program does not
/// matter here, and that program can build it anew.
fn first_flaw(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut tables =
        connection.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")?;
    let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        let flaw = "SELECT quick_check FROM pragma_quick_check(?1) WHERE quick_check <> 'ok' LIMIT 1";
        let flaw: Option<String> = connection.query_row(flaw, [name], |row| row.get(0)).optional()?;
        if flaw.is_some() {
            return Ok(flaw);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notation::{database, line};
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
        Write::Append { session: StoredId::new(id), messages, taken: Vec::new() }
    }

    #[track_caller]
    fn check(database: &mut Database, writes: &[Write], answers: &[Result<usize, &str>], rows: &[&str]) {
        let written = database.write_all(&writes.iter().collect::<Vec<_>>());
        let failure = |error: StoreError| match error {
            StoreError::NotWritten { .. } => "not written".to_owned(),
            error => error.to_string(),
        };
        let written: Vec<_> = written.into_iter().map(|one| one.map(|one| one.changed).map_err(failure)).collect();
        let answers: Vec<_> = answers.iter().map(|answer| answer.map_err(str::to_owned)).collect();
        assert_eq!(written, answers);
        let dump = database.dump().expect("rows");
        assert_eq!(dump.sessions.iter().map(line).collect::<Vec<_>>(), rows);
    }

    /// Each write has its own answer and sees the writes before it. A failed one leaves nothing and does not stop others.
    #[test]
    fn writes_together_are_as_one_by_one() {
        let end = Write::End { session: StoredId::new("a"), at: Wall(9000), reason: EndReason::TuiClose };
        let missing = StoreError::NoSession.to_string();
        // The rotation fails at the insert of the child, after it has ended the parent.
        let taken = Write::Rotate {
            parent: StoredId::new("b"),
            at: Wall(9000),
            child: NewSession { parent: Some(StoredId::new("b")), ..session("a") },
            messages: Vec::new(),
        };
        let writes = [create("a"), say("a"), say("unknown"), end.clone(), end, create("b"), taken, say("a")];
        let answers = [Ok(1), Ok(1), Err(missing.as_str()), Ok(1), Ok(0), Ok(1), Err("not written"), Ok(1)];
        check(&mut database(""), &writes, &answers, &["a@1 tui_close@9 messages=2", "b@1"]);
        check(&mut database(""), &[create("a")], &[Ok(1)], &["a@1"]);
        check(&mut database(""), &[], &[], &[]);
    }

    /// An error that rolls back the whole transaction in the end loses only its own write.
    #[test]
    fn an_error_of_one_is_not_one_of_all() {
        let mut database = database("");
        let trigger = "CREATE TRIGGER bad BEFORE INSERT ON sessions WHEN NEW.id = 'bad'
                       BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END";
        database.connection.execute_batch(trigger).expect("a trigger");
        let writes = [create("a"), say("a"), create("bad"), create("b")];
        check(&mut database, &writes, &[Ok(1), Ok(1), Err("not written"), Ok(1)], &["a@1 messages=1", "b@1"]);
    }

    /// A full disk refuses writes, says so, and serves reads. With room again, writes are carried out.
    #[test]
    fn a_full_disk_refuses_writes_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut database = Database::open(&folder.path().join("state.db")).expect("it opens");
        check(&mut database, &[create("a")], &[Ok(1)], &["a@1"]);
        let pages: i64 = database.connection.query_one("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
        let bound = |database: &Database, pages: i64| {
            database.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).expect("a setting");
        };
        bound(&database, pages);
        let text = NewMessage::text(Role::User, "x".repeat(100_000), Wall(2000));
        let long = Write::Append { session: StoredId::new("a"), messages: vec![text], taken: Vec::new() };
        let refused = StoreError::NotWritten { cause: "database or disk is full".to_owned() };
        assert_eq!(database.write(&long), Err(refused));
        assert_eq!(database.dump().expect("it reads").messages, []);
        bound(&database, pages + 1000);
        check(&mut database, &[long, create("b")], &[Ok(1), Ok(1)], &["a@1 messages=1", "b@1"]);
    }

    /// A damaged page is found before anything is written. A check that is over at once finds nothing, and says so.
    #[test]
    fn a_damaged_page_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let mut database = Database::open(&path).expect("it opens");
        // Several pages, so that the check has steps enough to be asked.
        let long = NewMessage::text(Role::User, "x".repeat(2_000_000), Wall(2000));
        database.write(&create("a")).expect("it is written");
        let session = StoredId::new("a");
        database.write(&Write::Append { session, messages: vec![long], taken: Vec::new() }).expect("it is written");
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'";
        let page: usize = database.connection.query_one(root, [], |row| row.get::<_, i64>(0)).expect("a page") as usize;
        drop(database);
        let sound = Database::open_checked(&path, || false).map(|(_, checked)| checked);
        assert_eq!(sound, Ok(Checked::Whole));
        assert_eq!(Database::open_checked(&path, || true).map(|(_, checked)| checked), Ok(Checked::Partly));

        let mut bytes = std::fs::read(&path).expect("it is there");
        bytes[4096 * (page - 1)..4096 * page].fill(0xaa);
        std::fs::write(&path, &bytes).expect("a file");
        let error = Database::open_checked(&path, || false).map(|_| ()).expect_err("it is damaged");
        assert!(matches!(&error, OpenError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&path).expect("it is there"), bytes, "it was left as it is");
    }

    /// The busy timeout of a locked file is waited for once, not once for each write.
    #[test]
    fn a_file_in_use_is_told_to_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let mut database = Database::open(&path).expect("it opens");
        database.connection.busy_timeout(Duration::ZERO).expect("a setting");
        let other = Connection::open(&path).expect("it opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
        check(&mut database, &[create("a"), create("b")], &[Err("not written"), Err("not written")], &[]);
        other.execute_batch("ROLLBACK").expect("it was begun");
        check(&mut database, &[create("a"), create("b")], &[Ok(1), Ok(1)], &["a@1", "b@1"]);
    }
}

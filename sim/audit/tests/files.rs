//! Every kind of file that people have: how it is read, that nothing beside it changes, and what is said of a bad one.

#[path = "planted/databases.rs"]
mod databases;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use sim_audit::{Audit, AuditError, Kind, Options, Read, Sources, Texts, audit};
use tempfile::TempDir;

use databases::{Base, DAY, NOW, planted};

/// The variable that makes this program a writer; its value is the path.
const WRITER: &str = "SIM_AUDIT_TEST_WRITER";

fn look(path: &Path) -> Result<Audit, AuditError> {
    let options = Options { now: NOW, age: DAY, sources: Sources::Own, kinds: Vec::new(), texts: Texts::Withheld };
    audit(path, &options)
}

/// The names in a folder, with the content of each file.
fn listing(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let read = |entry: fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap_or_default())
    };
    entries.map(read).collect()
}

/// Audits the file, and checks what was read and that every byte in its folder is as before.
#[track_caller]
fn check(path: &Path, read: Read) -> Audit {
    let folder = path.parent().expect("a file is in a folder");
    let before = listing(folder);
    let audit = look(path).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(audit.read, read);
    let after = listing(folder);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "nothing is created or deleted");
    assert!(after == before, "nothing is changed");
    audit
}

/// A database in WAL mode in a folder of its own, closed.
fn in_wal_mode() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    fs::copy(planted(Base::Current, "").path(), &path).expect("a copy");
    let connection = Connection::open(&path).expect("it opens");
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).expect("it is set");
    (folder, path)
}

/// Not a test of its own: the process that writes, when the variable says so. It commits one session with two messages after
/// another until it is killed.
#[test]
#[expect(clippy::disallowed_methods, reason = "the variable says that this process is the writer")]
fn writer() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    let connection = Connection::open(path).expect("it opens");
    connection.execute_batch("PRAGMA wal_autocheckpoint = 50; PRAGMA synchronous = OFF").expect("it is set");
    for number in 0.. {
        let sql = format!(
            "BEGIN IMMEDIATE;
             INSERT INTO sessions (id, source, started_at, ended_at, end_reason, message_count)
                VALUES ('w{number}', 'tui', 1700000000, 1700000100, 'tui_close', 2);
             INSERT INTO messages (session_id, role, content, timestamp)
                VALUES ('w{number}', 'user', 'one', 1700000001), ('w{number}', 'assistant', 'two', 1700000002);
             COMMIT;"
        );
        connection.execute_batch(&sql).expect("it is committed");
        if number == 100 {
            #[expect(clippy::print_stdout, reason = "the other process waits for this line")]
            {
                println!("\nwrites");
            }
        }
    }
}

/// Starts the writer, and waits until it has written.
fn start_writer(path: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut writer = Command::new(program);
    writer.args(["--exact", "writer", "--nocapture"]).env(WRITER, path);
    let mut writer = writer.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(writer.stdout.as_mut().expect("it is piped")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line == "writes")), "the writer has begun");
    writer
}

/// While a gateway writes, each audit sees whole transactions and creates nothing; what a killed one leaves behind is read
/// too, with the WAL as long as it is there.
#[test]
fn a_gateway_may_write_meanwhile() {
    let (folder, path) = in_wal_mode();
    let names = |folder: &Path| listing(folder).into_keys().collect::<Vec<_>>();
    let mut writer = start_writer(&path);
    let before = names(folder.path());
    let mut rows = 0;
    for _ in 0..20 {
        let audit = look(&path).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!((audit.read, &audit.findings[..]), (Read::WithWal, &[][..]));
        assert_eq!(audit.messages as usize, 15 + 2 * (audit.rows - 6), "a transaction is seen whole");
        assert!(audit.rows >= rows, "and none is lost");
        rows = audit.rows;
    }
    assert!(rows > 106, "the writer wrote meanwhile: {rows}");
    assert_eq!(names(folder.path()), before, "nothing lies beside it that did not");
    writer.kill().and_then(|()| writer.wait()).expect("it ends");

    let whole = check(&path, Read::WithWal);
    assert!(whole.rows >= rows);
    fs::remove_file(folder.path().join("state.db-shm")).expect("it is there");
    let copy = check(&path, Read::PrivateCopy);
    assert_eq!((copy.rows, copy.messages), (whole.rows, whole.messages));
}

/// A copy that was made without its WAL lacks the rows of the WAL, which is said; one with it has them.
#[test]
fn a_copy_may_lack_its_wal() {
    let (folder, path) = in_wal_mode();
    let gateway = Connection::open(&path).expect("it opens");
    gateway
        .execute_batch("DELETE FROM messages WHERE session_id = 'chat'; DELETE FROM sessions WHERE id = 'chat'")
        .expect("it is committed");
    let copies = tempfile::tempdir().expect("a folder");
    let link = copies.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    assert_eq!(check(&link, Read::WithWal).rows, 5);
    let copy = copies.path().join("copy.db");
    fs::copy(&path, &copy).expect("a copy");
    assert_eq!(check(&copy, Read::WithoutWal).rows, 6);
    fs::write(copies.path().join("copy.db-wal"), "").expect("a file");
    assert_eq!(check(&copy, Read::WithoutWal).rows, 6);
    fs::copy(folder.path().join("state.db-wal"), copies.path().join("copy.db-wal")).expect("a copy");
    assert_eq!(check(&copy, Read::PrivateCopy).rows, 5);
}

/// A database that was closed has no WAL, and gets none. One without WAL mode is read as it is, also through a link and under
/// a name that means something in a URI.
#[test]
fn a_closed_database_stays_alone() {
    let (folder, path) = in_wal_mode();
    check(&path, Read::WithoutWal);
    let odd = folder.path().join("a?b#c%20 d.db");
    fs::copy(planted(Base::V13, "").path(), &odd).expect("a copy");
    check(&odd, Read::File);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    check(&link, Read::WithoutWal);
    assert_eq!(listing(folder.path()).len(), 2);
}

/// What a writer without a WAL was killed in is rolled back in a copy: SQLite would do it in the file.
#[test]
fn a_half_transaction_is_not_read() {
    let (folder, file) = (tempfile::tempdir().expect("a folder"), planted(Base::Current, ""));
    let connection = Connection::open(file.path()).expect("it opens");
    let spill = "PRAGMA cache_size = 2; BEGIN; UPDATE sessions SET message_count = 99; \
                 INSERT INTO messages (session_id, role, content, timestamp) \
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                 SELECT 'tip', 'user', hex(randomblob(200)), 1700000200 FROM n";
    connection.execute_batch(spill).expect("it is under way");
    for suffix in ["", "-journal"] {
        let from = format!("{}{suffix}", file.path().display());
        fs::copy(from, folder.path().join(format!("state.db{suffix}"))).expect("a copy");
    }
    let audit = check(&folder.path().join("state.db"), Read::PrivateCopy);
    assert_eq!((audit.messages, &audit.findings[..]), (15, &[][..]));
}

/// A newer schema, with tables and columns that are unknown, is judged by the columns that it has.
#[test]
fn a_newer_schema_is_judged() {
    let newer = "UPDATE schema_version SET version = 99; CREATE TABLE later (session_id TEXT REFERENCES sessions(id)); \
                 ALTER TABLE sessions ADD COLUMN hidden INTEGER; UPDATE sessions SET message_count = 9 WHERE id = 'tip'";
    let audit = check(planted(Base::Current, newer).path(), Read::File);
    assert_eq!((audit.schema_version, audit.release), (Some(99), None));
    assert_eq!(audit.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::MessageCountDiffers]);
}

/// A page that SQLite cannot trust is found while the rows can still be read.
#[test]
fn a_damaged_page_is_found() {
    let fill = "INSERT INTO messages (session_id, role, content, timestamp) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
                SELECT 'tip', 'user', printf('%0500d', i), 1700000200 + i / 100.0 FROM n; \
                UPDATE sessions SET message_count = 305 WHERE id = 'tip'";
    let file = planted(Base::Current, fill);
    let mut bytes = fs::read(file.path()).expect("the file");
    // The count of free bytes in the fragments of a leaf of `messages`: reading rows does not need it.
    let leaf = bytes.chunks(4096).rposition(|page| page[0] == 13).expect("a leaf");
    bytes[leaf * 4096 + 7] = 60;
    fs::write(file.path(), bytes).expect("a file");
    let audit = check(file.path(), Read::File);
    assert_eq!(audit.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::DamagedPages]);
}

/// The bad files of a folder, each with what is said of it.
struct Story {
    folder: TempDir,
    path: PathBuf,
    text: String,
}

impl Story {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        Self { folder, path, text: String::new() }
    }

    /// Audits the file. Places and remedies are read by people, so they are compared whole.
    #[track_caller]
    fn tell(&mut self, title: &str) {
        let folder = self.folder.path();
        let names = |folder: &Path| listing(folder).into_keys().collect::<Vec<_>>();
        let before = names(folder);
        let error = look(&self.path).map(|audit| audit.rows).expect_err(title);
        assert_eq!(names(folder), before, "{title}: nothing lies beside it");
        let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        let real = fs::canonicalize(folder).expect("a folder");
        let text = text.replace(&format!("{}/", real.display()), "").replace(&format!("{}/", folder.display()), "");
        let _ = writeln!(self.text, "{title}\n  {text}\n  {}", error.help());
    }

    #[track_caller]
    fn tell_of(&mut self, title: &str, bytes: impl AsRef<[u8]>) {
        fs::write(&self.path, bytes).expect("a file");
        self.tell(title);
    }
}

/// What is no database is named with a remedy.
#[test]
fn what_is_no_database_is_said_so() {
    let mut story = Story::new();
    story.tell("missing");
    fs::create_dir(&story.path).expect("a folder");
    story.tell("a folder");
    fs::remove_dir(&story.path).expect("it is there");
    story.tell_of("empty", "");
    story.tell_of("text", "dear diary, ".repeat(100));
    let noise = (0..20_000_u64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]);
    story.tell_of("encrypted", noise.collect::<Vec<_>>());
    let sound = fs::read(planted(Base::Current, "").path()).expect("the file");
    story.tell_of("the first 50 bytes", &sound[..50]);
    insta::assert_snapshot!(story.text, @r#"
    missing
      cannot read `state.db`: No such file or directory (os error 2)
      name the database of a gateway: hermes-agent has it in `~/.hermes/state.db`, `gateway serve` where `--db` says
    a folder
      `state.db` is a folder, not a database
      name the file in it, most often `state.db`
    empty
      `state.db` is empty
      nothing was ever stored in it, or a copy failed: name the file that the gateway uses
    text
      `state.db` is not an SQLite database, or it is encrypted: its first 16 bytes are not `SQLite format 3`
      name a `state.db`; decrypt an encrypted one with the tool that encrypted it
    encrypted
      `state.db` is not an SQLite database, or it is encrypted: its first 16 bytes are not `SQLite format 3`
      name a `state.db`; decrypt an encrypted one with the tool that encrypted it
    the first 50 bytes
      `state.db` is not an SQLite database, or it is encrypted: its first 16 bytes are not `SQLite format 3`
      name a `state.db`; decrypt an encrypted one with the tool that encrypted it
    "#);
}

/// A database that cannot be audited is named with a remedy.
#[test]
fn bad_databases_are_named_with_a_remedy() {
    let mut story = Story::new();
    let sound = fs::read(planted(Base::Current, "").path()).expect("the file");
    story.tell_of("the second half is missing", &sound[..sound.len() / 2]);
    let mut broken = sound.clone();
    broken[4096..].fill(0x55);
    story.tell_of("all pages but the first are overwritten", broken);
    fs::remove_file(&story.path).expect("it is there");
    let other = Connection::open(&story.path).expect("it opens");
    other.execute_batch("CREATE TABLE notes (text TEXT); CREATE TABLE tags (name TEXT)").expect("tables");
    story.tell("another program's");
    let alike = "CREATE TABLE sessions (id TEXT, user TEXT); CREATE TABLE messages (text TEXT)";
    other.execute_batch(alike).expect("tables");
    story.tell("another program's, with the names of our tables");
    drop(other);
    fs::write(&story.path, &sound).expect("a file");
    let writer = Connection::open(&story.path).expect("it opens");
    writer.execute_batch("BEGIN EXCLUSIVE").expect("it is locked");
    story.tell("locked by another connection");
    insta::assert_snapshot!(story.text, @r#"
    the second half is missing
      `state.db` is damaged: database disk image is malformed
      a copy needs its -wal: make it with `sqlite3 state.db '.backup COPY'`. If the original is damaged too, audit what `sqlite3 COPY .recover | sqlite3 NEW` saves
    all pages but the first are overwritten
      `state.db` is damaged: database disk image is malformed
      a copy needs its -wal: make it with `sqlite3 state.db '.backup COPY'`. If the original is damaged too, audit what `sqlite3 COPY .recover | sqlite3 NEW` saves
    another program's
      `state.db` is a database of another program: it has no table `sessions`, but the tables `notes`, `tags`
      name the `state.db` of a gateway, with its tables `sessions` and `messages`
    another program's, with the names of our tables
      `state.db` is a database of another program: it has no column `messages.session_id`, but the tables `messages`, `notes`, `sessions`, `tags`
      name the `state.db` of a gateway, with its tables `sessions` and `messages`
    locked by another connection
      `state.db` is locked by another process
      try again when the other process is done, or audit a copy of the file with its -wal
    "#);
}

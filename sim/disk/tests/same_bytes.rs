//! SQLite leaves the same bytes on a disk without faults as on the file system of the machine.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::Config;
use rusqlite::Connection;
use sim_disk::Disk;

/// The files of a database, without the shared memory of a WAL, which is no file here.
const FILES: [&str; 3] = ["a.db", "a.db-wal", "a.db-journal"];

#[derive(Clone, Debug)]
struct Layout {
    page_bytes: u32,
    journal: &'static str,
    synchronous: &'static str,
    /// Small enough that a transaction writes to the file before its commit.
    cache_pages: u32,
}

fn any_layout() -> impl Strategy<Value = Layout> {
    let journal = prop::sample::select(vec!["delete", "truncate", "persist", "wal", "wal"]);
    let synchronous = prop::sample::select(vec!["off", "normal", "full", "extra"]);
    let (page, cache) = (prop::sample::select(vec![512, 1024, 4096, 65536]), prop::sample::select(vec![3, 2000]));
    (page, journal, synchronous, cache).prop_map(|(page_bytes, journal, synchronous, cache_pages)| Layout {
        page_bytes,
        journal,
        synchronous,
        cache_pages,
    })
}

fn any_statement() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (1..60_u32, 1..3000_u32).prop_map(|(rows, bytes)| format!(
            "INSERT INTO t (a, b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT 'row ' || i, zeroblob({bytes}) FROM n"
        )),
        3 => (2..9_u32).prop_map(|by| format!("UPDATE t SET a = a || ' and more' WHERE id % {by} = 0")),
        3 => (2..5_u32).prop_map(|by| format!("DELETE FROM t WHERE id % {by} = 1")),
        2 => Just("BEGIN".to_owned()),
        2 => Just("COMMIT".to_owned()),
        2 => Just("ROLLBACK".to_owned()),
        1 => Just("CREATE INDEX IF NOT EXISTS by_a ON t (a)".to_owned()),
        1 => Just("DROP INDEX IF EXISTS by_a".to_owned()),
        1 => Just("VACUUM".to_owned()),
        1 => Just("PRAGMA wal_checkpoint(TRUNCATE)".to_owned()),
        1 => Just("PRAGMA wal_checkpoint(PASSIVE)".to_owned()),
        1 => Just("PRAGMA incremental_vacuum(3)".to_owned()),
        1 => Just("PRAGMA integrity_check".to_owned()),
    ]
}

/// Executes a statement, and returns its rows and its error as text.
fn execute(connection: &Connection, sql: &str) -> String {
    let rows = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
            (0..columns).map(|column| Ok(format!("{:?} ", row.get_ref(column)?))).collect()
        };
        statement.query_map([], row)?.collect()
    };
    format!("{:?}", rows())
}

/// The content without what SQLite draws at random: the salts of a WAL and the checksums that follow from them. Of a journal
/// only the size, because its nonce is in every record.
fn comparable(name: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    if name.ends_with("-journal") {
        return bytes.len().to_string().into_bytes();
    }
    if name.ends_with("-wal") && bytes.len() >= 32 {
        let page = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
        bytes[16..32].fill(0);
        for frame in bytes[32..].chunks_mut(24 + page).filter(|frame| frame.len() >= 24) {
            frame[8..24].fill(0);
        }
    }
    bytes
}

fn same(disk: &Disk, folder: &Path) -> Result<(), TestCaseError> {
    for name in FILES {
        let real = std::fs::read(folder.join(name)).ok().map(|bytes| comparable(name, bytes));
        let ours = disk.read(name).map(|bytes| comparable(name, bytes));
        let sizes = [&real, &ours].map(|bytes| bytes.as_ref().map(Vec::len));
        prop_assert_eq!(sizes[0], sizes[1], "the size of {} or what stands for it", name);
        prop_assert!(real == ours, "the bytes of {} differ", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn statements_leave_the_same_bytes(layout in any_layout(), statements in prop::collection::vec(any_statement(), 1..14)) {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::new();
        let real = Connection::open(folder.path().join("a.db")).expect("a database");
        let ours = disk.connect("a.db").expect("a database");
        let Layout { page_bytes, journal, synchronous, cache_pages } = layout;
        let settings = [
            format!("PRAGMA page_size = {page_bytes}"),
            "PRAGMA auto_vacuum = incremental".to_owned(),
            format!("PRAGMA journal_mode = {journal}"),
            format!("PRAGMA synchronous = {synchronous}"),
            format!("PRAGMA cache_size = {cache_pages}"),
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)".to_owned(),
        ];
        for statement in settings.iter().chain(&statements) {
            prop_assert_eq!(execute(&real, statement), execute(&ours, statement), "{}", statement);
            same(&disk, folder.path())?;
        }
        drop((real, ours));
        same(&disk, folder.path())?;
    }
}

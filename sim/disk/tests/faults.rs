//! Faults of the disk under the store of the gateway: what a caller gets, and what is in the file afterwards.

use std::path::Path;

use gateway_core::clock::Wall;
use gateway_core::store::{NewMessage, NewSession, Role, StoreError, StoredId, Write};
use gateway_sqlite::{Database, Durability, Journal};
use sim_disk::{Disk, Fault, First, Pages, Trouble};

const JOURNALS: [Journal; 2] = [Journal::Wal, Journal::Delete];

fn open(disk: &Disk, journal: Journal) -> Database {
    let durability = Durability { journal, ..Durability::SERVED };
    Database::open_on(Path::new("state.db"), disk.vfs(), durability).expect("it opens")
}

fn start(id: &str, text: &str) -> Write {
    let (source, id) = ("tui".to_owned(), StoredId::new(id));
    let (model, parent, branched_from, cwd, title) = Default::default();
    let session = NewSession { id, source, model, parent, branched_from, started_at: Wall(0), cwd, title };
    Write::StartTurn {
        session,
        messages: vec![NewMessage::text(Role::User, text, Wall(0))],
        taken: Vec::new(),
        keyed: None,
    }
}

fn rows(database: &Database) -> Vec<String> {
    assert_eq!(database.complaints(), Ok(Vec::new()));
    database.dump().expect("rows").sessions.iter().map(|row| row.id.to_string()).collect()
}

#[track_caller]
fn check_refused(written: Result<impl std::fmt::Debug, StoreError>, says: &str) {
    let error = written.expect_err("it is refused").to_string();
    assert!(error.contains(says), "{error}");
}

/// A read that fails is an error of its call, and the next one is right.
#[test]
fn a_read_fails() {
    for journal in JOURNALS {
        let disk = Disk::new();
        drop(open(&disk, journal).write(&start("a", "x")));
        let database = open(&disk, journal);
        disk.plan(Fault { after: 0, trouble: Trouble::Read });
        check_refused(database.dump(), "disk I/O error");
        assert_eq!(rows(&database), ["a"]);
    }
}

/// A write that is cut short anywhere leaves no part of its transaction.
#[test]
fn a_write_is_cut_short() {
    for journal in JOURNALS {
        let mut refused = 0;
        for after in 0..12 {
            let disk = Disk::new();
            let mut database = open(&disk, journal);
            database.write(&start("a", "x")).expect("it is written");
            disk.plan(Fault { after, trouble: Trouble::Write { written: 100 } });
            let written = database.write(&start("b", &"long ".repeat(4000)));
            refused += usize::from(written.is_err());
            let expected: &[&str] = if written.is_ok() { &["a", "b"] } else { &["a"] };
            assert_eq!(rows(&database), expected, "{journal:?}, write {after}");
            database.write(&start("c", "x")).expect("the next one is right");
            drop(database);
            disk.restore_power(&mut First);
            assert_eq!(rows(&open(&disk, journal)), [expected, &["c"]].concat(), "{journal:?}, write {after}");
        }
        assert!(refused > 0, "{journal:?}: no write was cut short");
    }
}

/// A full disk refuses writes and answers reads; with space it goes on.
#[test]
fn a_disk_fills_up() {
    for journal in JOURNALS {
        let disk = Disk::new();
        let mut database = open(&disk, journal);
        database.write(&start("a", "x")).expect("it is written");
        let used: usize = disk.names().iter().filter_map(|name| disk.read(name)).map(|bytes| bytes.len()).sum();
        disk.limit(Some(used + 10_000));
        check_refused(database.write(&start("b", &"long ".repeat(40_000))), "full");
        assert_eq!(rows(&database), ["a"]);
        disk.limit(None);
        database.write(&start("c", "x")).expect("there is space");
        assert_eq!(rows(&database), ["a", "c"]);
        drop(database);
        assert_eq!(rows(&open(&disk, journal)), ["a", "c"]);
    }
}

/// A sync that fails: the file stays sound, and later transactions last, whatever the system did with the pages. The transaction may
/// be there after a loss of power, and its error says so.
#[test]
fn a_sync_fails() {
    let some = [Pages::ALL, Pages::NONE, Pages(0x5555_5555_5555_5555)];
    let mut came_back = 0;
    for journal in JOURNALS {
        for (written, kept) in some.into_iter().flat_map(|written| some.map(|kept| (written, kept))) {
            for after in 0..3 {
                let disk = Disk::new();
                let mut database = open(&disk, journal);
                database.write(&start("a", "x")).expect("it is written");
                disk.plan(Fault { after, trouble: Trouble::Sync { written, kept } });
                let written = database.write(&start("b", "x"));
                let refused = written.is_err();
                let is_unknown = matches!(written, Err(StoreError::Unknown { .. }));
                disk.restore_power(&mut First);
                drop(database);
                let mut database = open(&disk, journal);
                let found = rows(&database);
                assert!(
                    found == ["a", "b"] || (refused && found == ["a"]),
                    "{journal:?} {written:?} {kept:?}: {found:?}"
                );
                came_back += usize::from(refused && found.len() == 2);
                assert!(found.len() == 1 || !refused || is_unknown, "{journal:?}: `{written:?}` is in the rows");
                database.write(&start("c", "x")).expect("it is written");
                disk.restore_power(&mut First);
                drop(database);
                assert_eq!(rows(&open(&disk, journal)), [&found[..], &["c".to_owned()]].concat());
            }
        }
    }
    assert!(came_back > 0, "no transaction whose sync failed is in the rows after a restart");
}

/// Writes that are committed together are not tried again one by one after a sync that failed: they might be there twice.
#[test]
fn a_sync_of_several_writes_fails() {
    let append = |text: &str| Write::Append {
        session: StoredId::new("a"),
        messages: vec![NewMessage::text(Role::User, text, Wall(0))],
        taken: Vec::new(),
    };
    let (one, two) = (append("one"), append("two"));
    let mut refused = 0;
    for (journal, after) in JOURNALS.into_iter().flat_map(|journal| (0..4).map(move |after| (journal, after))) {
        let disk = Disk::new();
        let mut database = open(&disk, journal);
        database.write(&start("a", "x")).expect("it is written");
        disk.plan(Fault { after, trouble: Trouble::Sync { written: Pages::ALL, kept: Pages::ALL } });
        let written = database.write_all(&[&one, &two]);
        refused += usize::from(written.iter().all(|written| matches!(written, Err(StoreError::Unknown { .. }))));
        drop(database);
        let messages = open(&disk, journal).dump().expect("rows").messages;
        let times = |text: &str| messages.iter().filter(|row| row.message.content.as_deref() == Some(text)).count();
        assert!(times("one") <= 1 && times("two") == times("one"), "{journal:?} {after}: {messages:?}");
    }
    assert!(refused > 0, "no sync failed");
}

/// A bit that flips in the first byte of a page is found by the check of the file.
#[test]
fn a_bit_rots() {
    let disk = Disk::new();
    let mut database = open(&disk, Journal::Delete);
    for number in 0..40 {
        database.write(&start(&format!("row{number}"), "x")).expect("it is written");
    }
    drop(database);
    let pages = disk.read("state.db").expect("the file").len() / 4096;
    let noticed = (1..pages).filter(|page| {
        disk.rot("state.db", page * 4096, 0x10);
        let database = Database::open_on(Path::new("state.db"), disk.vfs(), Durability::SERVED);
        let sound = database.is_ok_and(|database| database.complaints() == Ok(Vec::new()));
        disk.rot("state.db", page * 4096, 0x10);
        !sound
    });
    assert_eq!(noticed.count(), pages - 1, "the first byte of a page is its kind");
}

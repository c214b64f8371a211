//! Losses of power under the store of the gateway: none that matters at the served settings, and each plant is found.

use std::path::Path;

use gateway_core::clock::Wall;
use gateway_core::store::{NewSession, StoredId, Write};
use gateway_sqlite::{Database, Durability, Journal, Synchronous};
use interleaving::Chooser;
use interleaving::strategy::{Random, Replay};
use rusqlite::Connection;
use sim_disk::campaign::{Campaign, Found, LOSSES, Reply, Settings, Tally, Violation};
use sim_disk::{Choose, Disk, First, Honesty, Moment, Seeded};

/// The losses within which a plant must be found.
const PLANTED_LOSSES: u64 = 1000;

/// A checkpoint every few transactions, which production has every thousand pages.
const CHECKPOINT_PAGES: u32 = 20;

fn settings(journal: Journal, synchronous: Synchronous) -> Settings {
    let durability = Durability { journal, synchronous, checkpoint_pages: CHECKPOINT_PAGES };
    Settings { durability, ..Settings::default() }
}

/// Runs a campaign until it has had this many losses, or to the first violation.
fn run(settings: Settings, losses: u64, lucky: bool) -> Result<Tally, Violation> {
    let (mut campaign, mut tally) = (Campaign::new(settings), Tally::default());
    for seed in 0..losses / LOSSES {
        let choose: &mut dyn Choose = if lucky { &mut First } else { &mut Seeded::new(seed) };
        campaign.run(seed, choose, &mut tally)?;
    }
    Ok(tally)
}

#[track_caller]
fn check_found(settings: Settings) -> Violation {
    let violation = run(settings, PLANTED_LOSSES, false).expect_err("the plant is found");
    assert!(!matches!(violation.found, Found::WrongAnswer(_)), "{violation}");
    violation
}

/// With and without a WAL nothing that was answered is lost, and nothing is half there.
#[test]
fn answered_writes_survive() {
    for journal in [Journal::Wal, Journal::Delete] {
        let tally = run(settings(journal, Durability::SERVED.synchronous), 2000, false).unwrap_or_else(|violation| {
            panic!("{journal:?}: {violation}");
        });
        // The campaign loses something, in and out of calls, and what it loses is not always all.
        assert!(tally.in_a_call > tally.losses / 3 && tally.in_a_call < tally.losses, "{tally:?}");
        assert!(tally.with_damage > tally.losses / 4, "{tally:?}");
        assert!(tally.in_recovery > 0 && tally.survived > 0 && tally.answered > tally.losses, "{tally:?}");
    }
    // As production has it: a transaction is in the WAL for long.
    run(Settings::default(), 800, false).expect("no violation");
}

#[test]
fn a_disk_that_is_not_waited_for_is_found() {
    check_found(settings(Journal::Wal, Synchronous::Off));
    check_found(settings(Journal::Delete, Synchronous::Off));
    check_found(settings(Journal::Wal, Synchronous::Normal));
    check_found(settings(Journal::Delete, Synchronous::Normal));
}

/// Without a WAL, a commit is the removal of the journal, and `FULL` does not sync the folder after it: the journal may come
/// back, and rolls an answered transaction back.
#[test]
fn an_unsynced_removal_of_the_journal_is_found() {
    let violation = check_found(settings(Journal::Delete, Synchronous::Full));
    assert!(matches!(violation.found, Found::WrongRows { .. }), "{violation}");
}

/// The switch to a WAL is a transaction with a journal. `FULL` does not sync the removal of that journal, and where the WAL of an
/// earlier life exists, no later sync is one of the folder. So the journal may come back after a checkpoint, and is rolled back
/// over newer pages.
#[test]
fn an_unsynced_removal_before_a_wal_is_found() {
    let violation = check_found(settings(Journal::Wal, Synchronous::Full));
    assert!(matches!(violation.found, Found::Unusable(_)), "{violation}");
}

#[test]
fn a_reply_before_its_commit_is_found() {
    for journal in [Journal::Wal, Journal::Delete] {
        check_found(Settings { reply: Reply::BeforeCommit, ..settings(journal, Synchronous::Extra) });
    }
}

#[test]
fn a_disk_that_ignores_syncs_is_found() {
    for journal in [Journal::Wal, Journal::Delete] {
        check_found(Settings { honesty: Honesty::Lying, ..settings(journal, Synchronous::Extra) });
    }
}

/// A disk that keeps unsynced data by luck would hide a missing sync, so it is told apart: on it the plants above are not
/// found. The same holds for choices that never lose anything.
#[test]
fn a_lucky_disk_is_noticed() {
    let planted = settings(Journal::Wal, Synchronous::Off);
    let lucky = run(Settings { honesty: Honesty::Lucky, ..planted }, PLANTED_LOSSES, false);
    assert_eq!(lucky.map(|tally| tally.with_damage), Ok(0));
    let mild = run(planted, PLANTED_LOSSES, true);
    assert_eq!(mild.map(|tally| tally.with_damage), Ok(0));
}

/// A run is a function of its seed.
#[test]
fn runs_repeat() {
    let tallies = [0, 1].map(|_| run(settings(Journal::Wal, Synchronous::Extra), 400, false).expect("no violation"));
    assert_eq!(tallies[0], tallies[1]);
    let violations = [0, 1].map(|_| check_found(settings(Journal::Delete, Synchronous::Full)));
    assert_eq!(violations[0], violations[1]);
}

/// The choices of a loss go on a tape, and the tape replays the violation.
#[test]
fn a_tape_replays_a_loss() {
    let mut campaign = Campaign::new(settings(Journal::Delete, Synchronous::Full));
    let random = Chooser::<()>::new(Box::new(Random::new(7)));
    let recorded = (0..PLANTED_LOSSES / LOSSES).find_map(|seed| {
        let violation = campaign.run(seed, &mut &random, &mut Tally::default()).err();
        let tape = random.take_tape();
        violation.map(|violation| (violation, tape))
    });
    let (violation, tape) = recorded.expect("the plant is found");
    let tape = tape.to_string().parse().expect("a tape is text");
    let replay = Chooser::<()>::new(Box::new(Replay::new(tape)));
    let again = campaign.run(violation.seed, &mut &replay, &mut Tally::default());
    assert_eq!(again, Err(violation));
    replay.finish();
    assert_eq!(replay.divergence(), None);
}

/// A program that replaces its database by a move must sync the folder before it says so.
#[test]
fn an_unsynced_move_is_found() {
    let lost = |synced: bool| (0..PLANTED_LOSSES).filter(|seed| !survives_replacement(*seed, synced)).count();
    assert_eq!(lost(true), 0);
    assert!(lost(false) > 0);
}

/// Replaces the database by one with a further row, loses the power, and looks for the row.
fn survives_replacement(seed: u64, synced: bool) -> bool {
    let disk = Disk::new();
    let open = |name: &str| {
        let settings = settings(Journal::Delete, Synchronous::Extra).durability;
        Database::open_on(Path::new(name), disk.vfs(), settings).expect("it opens")
    };
    let create = |id: &str| {
        let (source, id) = ("tui".to_owned(), StoredId::new(id));
        let (model, parent, branched_from, cwd, title) = Default::default();
        let session = NewSession { id, source, model, parent, branched_from, started_at: Wall(0), cwd, title };
        Write::CreateSession { session }
    };
    for (name, rows) in [("state.db", &["old"][..]), ("next.db", &["old", "new"])] {
        let mut database = open(name);
        for row in rows {
            database.write(&create(row)).expect("it is written");
        }
    }
    assert!(disk.rename("next.db", "state.db"));
    if synced {
        disk.sync_folder();
    }
    disk.restore_power(&mut Seeded::new(seed));
    open("state.db").dump().expect("rows").sessions.len() == 2
}

/// Two connections to one WAL see each other's commits, and only one writes at a time.
#[test]
fn connections_share_a_wal() {
    let disk = Disk::new();
    let [one, other]: [Connection; 2] = [0, 1].map(|_| disk.connect("a.db").expect("it opens"));
    let mode: String = one.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).expect("a mode");
    assert_eq!(mode, "wal");
    one.execute_batch("CREATE TABLE t (a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").expect("it is written");
    other.execute_batch("BEGIN IMMEDIATE").expect_err("the other one writes");
    let count =
        |connection: &Connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    assert_eq!((count(&one), count(&other)), (Ok(1), Ok(0)));
    one.execute_batch("COMMIT").expect("it is committed");
    assert_eq!(count(&other), Ok(1));
    other.execute_batch("INSERT INTO t VALUES (2)").expect("the lock is free");
    assert_eq!(count(&one), Ok(2));
    drop(one);
    assert_eq!(count(&other), Ok(2));
    assert!(disk.names().contains(&"a.db-wal".to_owned()));
    drop(other);
    assert_eq!(disk.names(), ["a.db"]);
}

/// A connection of before the loss has no effect on what is there after it.
#[test]
fn an_old_connection_is_dead() {
    let disk = Disk::new();
    let old = disk.connect("a.db").expect("it opens");
    old.execute_batch("CREATE TABLE t (a)").expect("it is written");
    disk.lose_power_at(3, Moment::After);
    old.execute_batch("INSERT INTO t VALUES (1)").expect_err("the power is gone");
    assert!(!disk.has_power());
    disk.restore_power(&mut First);
    old.execute_batch("INSERT INTO t VALUES (1)").expect_err("its files are of an earlier life");
    let new = disk.connect("a.db").expect("it opens");
    new.execute_batch("INSERT INTO t VALUES (1)").expect("no lock is left");
    drop(disk);
    new.execute_batch("INSERT INTO t VALUES (1)").expect_err("the disk is gone");
}

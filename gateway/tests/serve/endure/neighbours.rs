//! A gateway and another program on one database file.
//!
//! The other program (rows with the source `cli`) begins rows, writes messages, holds the write lock for up to a second, and
//! ends its rows, while clients use the gateway, which is also killed and restarted. A trigger notes each row that is ended twice.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;

use super::caller::Caller;
use super::chance::Chance;
use crate::bench::{Folder, Served};

/// The rounds after which the gateway is killed and started again.
const LIFE: u64 = 25;

/// What a run has seen.
#[derive(Default)]
pub(crate) struct Tally {
    rounds: u64,
    pub(crate) acknowledged: usize,
    neighbours: u64,
    pub(crate) wrong: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, acknowledged, neighbours, wrong } = self;
        write!(formatter, "neighbours: {rounds} rounds, {acknowledged} acknowledged by the gateway, ")?;
        write!(formatter, "{neighbours} rows of the other program, {} wrong", wrong.len())?;
        wrong.iter().take(20).try_for_each(|one| write!(formatter, "\n  {one}"))
    }
}

const TRIGGER: &str = "
    CREATE TABLE ended_twice (id TEXT, first TEXT, second TEXT);
    CREATE TRIGGER twice AFTER UPDATE OF ended_at ON sessions WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NOT NULL
    BEGIN INSERT INTO ended_twice VALUES (OLD.id, OLD.end_reason, NEW.end_reason); END;";

/// Runs at least `rounds` sessions beside as many rows of the other program, with the choices of `seed`.
pub(crate) async fn run(rounds: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    let folder = Folder::new();
    folder.write("config.toml", "[gateway]\norphan_grace = \"50ms\"\n");
    let mut gateway = Served::start_with(folder, &["--log", "off"]);
    gateway.folder.rows().execute_batch(TRIGGER).expect("it is ours");
    let other = Neighbour::start(gateway.folder.path("state.db").into(), seed);
    let mut round = 0;
    while round < rounds || other.begun.load(Ordering::Relaxed) < rounds {
        for _ in 0..LIFE {
            if session(&gateway, round, &mut tally).await.is_none() {
                tally.wrong.push(format!("round {round}: the connection died"));
            }
            round += 1;
        }
        gateway = Served::start_with(gateway.kill(), &["--log", "off"]);
    }
    tally.rounds = round;
    tally.neighbours = other.begun.load(Ordering::Relaxed);
    tally.wrong.extend(other.stop());
    let (code, folder) = gateway.stop("TERM").await;
    if code != Some(0) {
        tally.wrong.push(format!("the last end: {code:?}"));
    }
    let rows = folder.rows();
    let mut twice = rows.prepare("SELECT id || ': ' || first || ', ' || second FROM ended_twice").expect("a statement");
    let twice = twice.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    tally.wrong.extend(twice.map(|row| format!("ended twice: {}", row.expect("a row"))));
    let sound: String = rows.query_one("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    if sound != "ok" {
        tally.wrong.push(sound);
    }
    tally
}

/// One session of a client: no call fails, and the row is open until the client closes it.
async fn session(gateway: &Served, round: u64, tally: &mut Tally) -> Option<()> {
    let mut caller = Caller::connect(gateway.address).await?;
    let created = caller.call("session.create", json!({})).await?;
    let text = |key: &str| created["result"][key].as_str().unwrap_or_default().to_owned();
    let (id, row) = (text("session_id"), text("stored_session_id"));
    let calls = [
        ("prompt.submit", json!({"session_id": id, "text": format!("round {round}")})),
        ("session.title", json!({"session_id": id, "title": format!("round {round}")})),
        ("session.close", json!({"session_id": id})),
    ];
    for (method, params) in calls {
        if method == "session.close"
            && let Some(reason) = gateway.folder.end_of(&row)
        {
            tally.wrong.push(format!("round {round}: a live session was ended: {reason}"));
        }
        let answer = caller.call(method, params).await?;
        match answer["error"].is_null() {
            true => tally.acknowledged += 1,
            false => tally.wrong.push(format!("round {round}: {method}: {}", answer["error"])),
        }
        if method == "prompt.submit" {
            caller.until_complete(1).await?;
        }
    }
    match gateway.folder.end_of(&row).as_deref() {
        Some("tui_close") => {}
        end => tally.wrong.push(format!("round {round}: closed, and its end is {end:?}")),
    }
    Some(())
}

/// The other program, on a thread and a connection of its own.
struct Neighbour {
    stop: Arc<AtomicBool>,
    /// The rows that it has begun.
    begun: Arc<AtomicU64>,
    /// What went wrong, once it has stopped.
    told: mpsc::Receiver<Vec<String>>,
}

impl Neighbour {
    #[expect(clippy::disallowed_methods, reason = "another program: it blocks while it holds the lock")]
    fn start(path: PathBuf, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let begun = Arc::<AtomicU64>::default();
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&begun));
        thread::spawn(move || {
            let mut database = Connection::open(path).expect("it opens");
            database.busy_timeout(Duration::from_secs(60)).expect("a setting");
            let (mut chance, mut wrong) = (Chance::new(seed), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let number = 1 + count.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = conversation(&mut database, number, &mut chance, &mut wrong) {
                    wrong.push(format!("the other program: {error}"));
                }
            }
            // Nobody asks if the run has panicked.
            let _ = tell.send(wrong);
        });
        Self { stop, begun, told }
    }

    fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.told.recv().expect("it has not panicked")
    }
}

/// One conversation of the other program. Its row is open until it ends it.
#[expect(clippy::disallowed_methods, reason = "another program: it works and holds the lock for a while")]
fn conversation(
    database: &mut Connection,
    number: u64,
    chance: &mut Chance,
    wrong: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let id = format!("20260101_000000_cli{number}");
    let begin = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    begin.execute("INSERT INTO sessions (id, source, started_at) VALUES (?1, 'cli', 1.0)", [&id])?;
    let message = "INSERT INTO messages (session_id, role, content, timestamp) VALUES (?1, 'user', 'hello', 1.0)";
    begin.execute(message, [&id])?;
    // A lock of up to a second now and then, otherwise a short one.
    let hold = if chance.below(25) == 0 { 200 + chance.below(800) } else { chance.below(5) };
    thread::sleep(Duration::from_millis(hold));
    begin.commit()?;
    // It works without the lock, also while a gateway starts and sweeps.
    thread::sleep(Duration::from_millis(chance.below(150)));
    let ended = "UPDATE sessions SET ended_at = 2.0, end_reason = 'cli_close' WHERE id = ?1 AND ended_at IS NULL";
    let end = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if end.execute(ended, [&id])? != 1 {
        wrong.push(format!("{id}: a row of the other program was ended by the gateway"));
    }
    end.commit()
}

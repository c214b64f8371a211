//! SIGKILL at random moments of a gateway with clients, then a restart, over and over on one file.
//!
//! A client notes what was acknowledged to it. After each kill the rows must hold all of that. After the restart a resume of each
//! conversation in which something waits must carry it out, and one grace later no row without an owner may be open.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use futures_util::future::join_all;
use gateway::real::clock::MachineClock;
use gateway_core::clock::{Clock, Millis};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::caller::Caller;
use super::chance::Chance;
use crate::bench::{Folder, Served, until};

/// The longest life of a process, from the moment that its clients start.
const LIFE_MAX: u64 = 120;

/// The clients at one time.
const CLIENTS: u64 = 3;

/// What a run has seen.
#[derive(Default)]
pub(crate) struct Tally {
    rounds: u64,
    pub(crate) acknowledged: usize,
    waited: usize,
    swept: usize,
    pub(crate) lost: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, acknowledged, waited, swept, lost } = self;
        write!(
            formatter,
            "kills: {rounds} rounds, {acknowledged} acknowledged, {waited} waited at a kill and were carried out, "
        )?;
        write!(formatter, "{swept} rows were open at a kill, {} lost", lost.len())?;
        lost.iter().take(20).try_for_each(|one| write!(formatter, "\n  {one}"))
    }
}

/// Something that was acknowledged.
struct Promise {
    what: &'static str,
    about: String,
    kept: Kept,
}

/// Where the rows show that it was kept: a statement with all that they hold of its kind.
type Kept = &'static str;

/// A prompt is a message, or waits.
const PROMPT: Kept = "SELECT content FROM messages WHERE role = 'user' UNION SELECT text FROM accepted_inputs";
/// Prompts that were stored more than once. Each has a text of its own.
const TWICE: &str = "SELECT 1 FROM messages WHERE role = 'user' GROUP BY content HAVING count(*) > 1";
const ANSWER: Kept = "SELECT content FROM messages WHERE role = 'assistant'";
const TITLE: Kept = "SELECT title FROM sessions WHERE title IS NOT NULL";
const CLOSED: Kept = "SELECT id FROM sessions WHERE ended_at IS NOT NULL";

/// Runs `rounds` lives with the choices of `seed`.
pub(crate) async fn run(rounds: u64, seed: u64) -> Tally {
    let mut chance = Chance::new(seed);
    let mut tally = Tally { rounds, ..Tally::default() };
    let mut folder = Folder::new();
    let mut all = Vec::new();
    folder.write(
        "config.toml",
        "[gateway]\norphan_grace = \"100ms\"\nbusy_input_mode = \"queue\"\nmax_live_sessions = 0\n",
    );
    for round in 0..rounds {
        let gateway = quiet(folder);
        heal(&gateway, &mut tally).await;
        let promises = RefCell::new(Vec::new());
        let life = Millis(chance.below(LIFE_MAX) + 1);
        let seeds: Vec<u64> = (0..CLIENTS).map(|_| chance.next()).collect();
        let clients = join_all(seeds.into_iter().enumerate().map(|(number, seed)| {
            let name = format!("r{round}c{number}");
            client(gateway.address, name, Chance::new(seed), &promises)
        }));
        let clock = MachineClock::start();
        tokio::select! {
            biased; // clients go on until the kill
            _ = clients => {}
            () = clock.sleep_until(clock.now().uptime + life) => {}
        }
        folder = gateway.kill();
        let promises = promises.into_inner();
        tally.acknowledged += promises.len();
        check(&folder.rows(), &promises, &mut tally.lost);
        all.extend(promises);
    }
    // What held after each kill holds after all of them.
    let gateway = quiet(folder);
    heal(&gateway, &mut tally).await;
    let (code, folder) = gateway.stop("TERM").await;
    if code != Some(0) {
        tally.lost.push(format!("the last end: {code:?}"));
    }
    check(&folder.rows(), &all, &mut tally.lost);
    tally
}

fn quiet(folder: Folder) -> Served {
    Served::start_with(folder, &["--log", "off"])
}

/// Acts until the gateway is dead.
async fn client(
    address: std::net::SocketAddr,
    name: String,
    mut chance: Chance,
    promises: &RefCell<Vec<Promise>>,
) -> Option<()> {
    let note = |what, about: &str, kept| promises.borrow_mut().push(Promise { what, about: about.to_owned(), kept });
    let mut caller = Caller::connect(address).await?;
    for session in 0.. {
        let created = caller.call("session.create", json!({})).await?;
        let text = |key: &str| created["result"][key].as_str().unwrap_or_default().to_owned();
        let (id, row) = (text("session_id"), text("stored_session_id"));
        let mut sent = 0;
        for number in 0..1 + chance.below(4) {
            let prompt = format!("<{name}s{session}n{number}>");
            let answer = caller.call("prompt.submit", json!({"session_id": id, "text": prompt})).await?;
            if answer["error"].is_null() {
                note("prompt", &prompt, PROMPT);
                sent += 1;
            }
            // Without it the next prompt waits for this one's turn.
            if chance.below(2) == 0 {
                caller.until_complete(sent).await?;
            }
            for answer in &caller.complete {
                note("answer", answer, ANSWER);
            }
        }
        caller.until_complete(sent).await?;
        for answer in caller.complete.drain(..) {
            note("answer", &answer, ANSWER);
        }
        if chance.below(3) == 0 {
            let title = format!("{name}s{session}");
            let answer = caller.call("session.title", json!({"session_id": id, "title": title})).await?;
            if answer["error"].is_null() {
                note("title", &title, TITLE);
            }
        }
        if chance.below(2) == 0 {
            let answer = caller.call("session.close", json!({"session_id": id})).await?;
            if answer["result"]["closed"] == true {
                note("close", &row, CLOSED);
            }
        }
    }
    None
}

/// Resumes each conversation in which something waits, until nothing does, then waits until no row is open.
async fn heal(gateway: &Served, tally: &mut Tally) {
    let count = |sql: &str| -> usize {
        gateway.folder.rows().query_one(sql, [], |row| row.get::<_, i64>(0)).expect("a number") as usize
    };
    const WAITING: &str = "SELECT count(*) FROM accepted_inputs";
    const OPEN: &str = "SELECT count(*) FROM sessions WHERE ended_at IS NULL";
    tally.waited += count(WAITING);
    tally.swept += count(OPEN);
    let waiting: Vec<String> = {
        let rows = gateway.folder.rows();
        let mut rows = rows.prepare("SELECT DISTINCT session_id FROM accepted_inputs ORDER BY 1").expect("a statement");
        let found = rows.query_map([], |row| row.get(0)).expect("rows");
        found.collect::<Result<_, _>>().expect("rows")
    };
    let mut caller = Caller::connect(gateway.address).await.expect("it serves");
    for row in waiting {
        let answer = caller.call("session.resume", json!({"session_id": row})).await.unwrap_or(Value::Null);
        if !answer["error"].is_null() {
            tally.lost.push(format!("{row} waits and cannot be resumed: {}", answer["error"]));
        }
    }
    until("what waited is carried out", || (count(WAITING) == 0).then_some(())).await;
    drop(caller);
    until("every row has an end", || (count(OPEN) == 0).then_some(())).await;
}

/// Checks the file, and that the rows hold what was promised.
fn check(rows: &Connection, promises: &[Promise], lost: &mut Vec<String>) {
    let sound: String = rows.query_one("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    if sound != "ok" {
        lost.push(format!("integrity_check: {sound}"));
    }
    if rows.prepare("PRAGMA foreign_key_check").and_then(|mut keys| keys.exists([])).expect("an answer") {
        lost.push("foreign_key_check: a row refers to none".to_owned());
    }
    if rows.prepare(TWICE).and_then(|mut twice| twice.exists([])).expect("an answer") {
        lost.push("a prompt is stored twice".to_owned());
    }
    for kept in [PROMPT, ANSWER, TITLE, CLOSED] {
        let mut texts = rows.prepare(kept).expect("a statement");
        let texts = texts.query_map([], |row| row.get(0)).expect("rows");
        let texts: BTreeSet<String> = texts.collect::<Result<_, _>>().expect("texts");
        let promised = promises.iter().filter(|promise| promise.kept == kept);
        let broken = promised.filter(|promise| !texts.contains(&promise.about));
        lost.extend(broken.map(|Promise { what, about, .. }| format!("{what} {about}")));
    }
}

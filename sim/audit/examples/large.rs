//! A large database, and how long an audit of it takes.
//!
//! ```text
//! cargo run --release -p sim-audit --example large -- write large.db 2000000 450
//! /usr/bin/time -v target/release/examples/large audit large.db
//! ```
//!
//! `write FILE MESSAGES BYTES` writes so many messages of about so many bytes each, with the indices of hermes-agent 0.19.0, in
//! sessions of 100 messages that eight clients write in turn: user, call, result, answer. One session in fifty is left open.
//! `audit FILE` prints the kinds that it finds, and the seconds.
#![expect(clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]

use std::path::Path;
use std::time::{Instant, SystemTime};

use rusqlite::{Connection, params};
use sim_audit::{Options, Sources, Texts, audit};

const TABLES: &str = "
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (22);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, model_config TEXT, system_prompt TEXT, parent_session_id TEXT REFERENCES sessions(id),
    started_at REAL NOT NULL, ended_at REAL, end_reason TEXT, message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0, title TEXT);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL, content TEXT,
    tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, effect_disposition TEXT, timestamp REAL NOT NULL, token_count INTEGER,
    finish_reason TEXT, reasoning TEXT, active INTEGER NOT NULL DEFAULT 1, compacted INTEGER NOT NULL DEFAULT 0, api_content TEXT);
CREATE INDEX idx_sessions_parent ON sessions(parent_session_id);
CREATE INDEX idx_sessions_started ON sessions(started_at DESC);
CREATE UNIQUE INDEX idx_sessions_title_unique ON sessions(title) WHERE title IS NOT NULL;
CREATE INDEX idx_messages_session ON messages(session_id, timestamp);
CREATE INDEX idx_messages_session_active ON messages(session_id, active, timestamp);";

/// How many sessions are written in turn, and how many messages each has.
const CLIENTS: u32 = 8;
const LENGTH: u32 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let began = Instant::now();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", path, messages, bytes] => write(Path::new(path), messages.parse()?, bytes.parse()?)?,
        ["audit", path] => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
            let options =
                Options { now, age: 86_400.0, sources: Sources::Own, kinds: Vec::new(), texts: Texts::Withheld };
            let audit = audit(Path::new(path), &options)?;
            println!("{} rows, {} messages, read {:?}", audit.rows, audit.messages, audit.read);
            audit.summary.iter().for_each(|count| println!("{:>7} {}", count.count, count.kind));
        }
        _ => return Err("expected `write FILE MESSAGES BYTES` or `audit FILE`".into()),
    }
    println!("{:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn write(path: &Path, messages: u32, bytes: usize) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")?;
    connection.execute_batch(TABLES)?;
    let transaction = connection.transaction()?;
    {
        let mut session = transaction.prepare(
            "INSERT INTO sessions (id, source, started_at, ended_at, end_reason, message_count, tool_call_count)
             VALUES (?1, 'tui', ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut message = transaction.prepare(
            "INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls, timestamp)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let rounds = messages / (CLIENTS * LENGTH);
        for round in 0..rounds {
            for client in 0..CLIENTS {
                let number = round * CLIENTS + client;
                let is_open = number.is_multiple_of(50);
                let started = 1_700_000_000.0 + f64::from(number);
                let ended = (!is_open).then_some(started + 1e7);
                session.execute(params![id(number), started, ended, ended.map(|_| "tui_close"), LENGTH, LENGTH / 4])?;
            }
            for place in 0..LENGTH {
                for client in 0..CLIENTS {
                    let number = round * CLIENTS + client;
                    let text = format!("{number}/{place} {}", "lorem ipsum dolor sit amet ".repeat(bytes / 27));
                    let call = format!("call_{number:012}_{:08}", place / 4);
                    let calls = format!(
                        r#"[{{"id": "{call}", "type": "function", "function": {{"name": "terminal", "arguments": "{{}}"}}}}]"#
                    );
                    let (role, answers, makes) = match place % 4 {
                        0 => ("user", None, None),
                        1 => ("assistant", None, Some(calls)),
                        2 => ("tool", Some(call), None),
                        _ => ("assistant", None, None),
                    };
                    let at = 1_700_000_000.0 + f64::from(number) + f64::from(place);
                    message.execute(params![id(number), role, text, answers, makes, at])?;
                }
            }
        }
    }
    transaction.commit()
}

fn id(number: u32) -> String {
    format!("20260101_{:06}_{number:06x}", number % 1_000_000)
}

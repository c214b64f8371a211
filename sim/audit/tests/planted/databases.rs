//! Databases of the oldest and of the newest schema with the same clean rows.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

/// The time of each audit: years after the rows.
pub(crate) const NOW: f64 = 1_780_000_000.0;
/// A day in seconds.
pub(crate) const DAY: f64 = 86_400.0;

/// Whose tables a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// hermes-agent 0.13: no `active`, no `compacted`.
    V13,
    /// hermes-agent 0.19, as this gateway has them too.
    Current,
}

impl Base {
    fn tables(self) -> String {
        let (version, sessions, messages) = match self {
            Self::V13 => (11, "", ""),
            Self::Current => (
                22,
                ", cwd TEXT, rewind_count INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0",
                ", platform_message_id TEXT, observed INTEGER DEFAULT 0, active INTEGER NOT NULL DEFAULT 1, \
                 compacted INTEGER NOT NULL DEFAULT 0, api_content TEXT",
            ),
        };
        format!(
            "CREATE TABLE schema_version (version INTEGER NOT NULL);
             INSERT INTO schema_version VALUES ({version});
             CREATE TABLE sessions (
                id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, model_config TEXT,
                system_prompt TEXT, parent_session_id TEXT, started_at REAL NOT NULL, ended_at REAL, end_reason TEXT,
                message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0, title TEXT,
                api_call_count INTEGER DEFAULT 0{sessions},
                FOREIGN KEY (parent_session_id) REFERENCES sessions(id));
             CREATE TABLE messages (
                id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id),
                role TEXT NOT NULL, content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT,
                timestamp REAL NOT NULL, token_count INTEGER, finish_reason TEXT, reasoning TEXT{messages});
             CREATE INDEX idx_sessions_parent ON sessions(parent_session_id);
             CREATE INDEX idx_messages_session ON messages(session_id, timestamp);
             CREATE UNIQUE INDEX idx_sessions_title_unique ON sessions(title) WHERE title IS NOT NULL;"
        )
    }
}

/// A chain of two rows, a plain row, a branch, a subagent, and an open row of a messaging platform.
///
/// The tip says the same twice, with pauses, and has a call whose short id comes twice: neither is a repetition. The plain
/// row has the same answer twice, and the branch is a copy of it that was stored at one time.
const ROWS: &str = r#"
INSERT INTO sessions (id, source, model_config, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, title) VALUES
    ('root', 'tui', NULL, NULL, 1700000000, 1700000100.5, 'compression', 2, 0, 'a secret title'),
    ('tip', 'tui', '{}', 'root', 1700000100.5, 1700000300, 'tui_close', 5, 1, 'a secret title #2'),
    ('plain', 'desktop', NULL, NULL, 1700000000, 1700000100, 'ws_orphan_reap', 2, 0, 'a secret title too'),
    ('branch', 'tui', '{"_branched_from": "plain"}', 'plain', 1700000050, 1700000400, 'tui_shutdown', 2, 0, 'a secret title too #2'),
    ('helper', 'cli', '{"_delegate_from": "root"}', 'root', 1700000010, 1700000020, 'agent_close', 2, 0, NULL),
    ('chat', 'telegram', NULL, NULL, 1700000000, NULL, NULL, 2, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, timestamp) VALUES
    (1, 'root', 'user', 'a secret text', NULL, NULL, 1700000001),
    (2, 'root', 'assistant', 'fine', NULL, NULL, 1700000003),
    (3, 'plain', 'user', 'a secret text', NULL, NULL, 1700000001),
    (4, 'plain', 'assistant', 'fine', NULL, NULL, 1700000003),
    (5, 'branch', 'user', 'a secret text', NULL, NULL, 1700000050.001),
    (6, 'branch', 'assistant', 'fine', NULL, NULL, 1700000050.002),
    (7, 'tip', 'user', 'go on', NULL, NULL, 1700000110),
    (8, 'tip', 'assistant', '', NULL, '[{"id": "call_0123456789abcdef", "type": "function", "function": {"name": "terminal", "arguments": "{}"}}]', 1700000120),
    (9, 'tip', 'tool', 'a line', 'call_0123456789abcdef', NULL, 1700000130),
    (10, 'tip', 'user', 'go on', NULL, NULL, 1700000140),
    (11, 'tip', 'assistant', 'done', NULL, NULL, 1700000150),
    (12, 'helper', 'user', 'look', NULL, NULL, 1700000011),
    (13, 'helper', 'assistant', 'seen', NULL, NULL, 1700000012),
    (14, 'chat', 'user', 'hi', NULL, NULL, 1700000001),
    (15, 'chat', 'assistant', 'hi', NULL, NULL, 1700000002);
"#;

/// A database file in a folder of its own.
pub(crate) struct Planted {
    path: PathBuf,
    _folder: TempDir,
}

impl Planted {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs SQL on the file as another program would, without foreign keys.
    pub(crate) fn carry_out(&self, sql: &str) {
        let connection = Connection::open(&self.path).expect("it opens");
        connection
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; {sql}"))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// A file with the clean rows and the SQL of a plant.
pub(crate) fn planted(base: Base, plant: &str) -> Planted {
    let folder = tempfile::tempdir().expect("a folder");
    let planted = Planted { path: folder.path().join("state.db"), _folder: folder };
    planted.carry_out(&base.tables());
    planted.carry_out(ROWS);
    planted.carry_out(plant);
    planted
}

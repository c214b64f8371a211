//! The tables of hermes-agent 0.19.0, and two of this gateway.
//!
//! The gateway fills few of the columns. The others exist for tools that expect the whole schema. Its own tables are added to
//! a database that lacks them, also to one of a release; the schema version stays, and releases do not look at them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{OpenError, not_opened};

/// The schema version that this gateway creates and accepts.
pub const SCHEMA_VERSION: i64 = 22;

/// The statements that delete all rows and reset the message ids. The schema version is kept. Messages come first, because
/// they refer to sessions.
pub(super) const EMPTY_TABLES: [&str; 5] = [
    "DELETE FROM accepted_inputs",
    "DELETE FROM keyed_answers",
    "DELETE FROM messages",
    "DELETE FROM sessions",
    "DELETE FROM sqlite_sequence",
];

/// Creates the tables in an empty database, and refuses any other database that does not have this schema version.
pub(super) fn ensure(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| not_opened(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    match condition(&transaction).map_err(failed)? {
        Condition::Versioned(SCHEMA_VERSION) => {
            transaction.execute_batch(OWN_TABLES).map_err(failed)?;
            transaction.commit().map_err(failed)
        }
        Condition::Versioned(found) if found > SCHEMA_VERSION => {
            Err(OpenError::NewerSchema { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        Condition::Versioned(found) => {
            Err(OpenError::OlderSchema { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        Condition::Foreign => Err(OpenError::NotOurs { path: path.to_owned() }),
        Condition::Empty => {
            transaction.execute_batch(TABLES).map_err(failed)?;
            transaction.execute_batch(OWN_TABLES).map_err(failed)?;
            transaction
                .execute("INSERT INTO schema_version (version) VALUES (?1)", [SCHEMA_VERSION])
                .map_err(failed)?;
            transaction.commit().map_err(failed)
        }
    }
}

/// The content of a database at open.
enum Condition {
    Empty,
    Versioned(i64),
    Foreign,
}

fn condition(connection: &Connection) -> rusqlite::Result<Condition> {
    let count = |sql| connection.query_one(sql, [], |row| row.get::<_, i64>(0));
    if count("SELECT COUNT(*) FROM sqlite_schema")? == 0 {
        return Ok(Condition::Empty);
    }
    if count("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'")? == 0 {
        return Ok(Condition::Foreign);
    }
    let version: Option<i64> = connection.query_one("SELECT MAX(version) FROM schema_version", [], |row| row.get(0))?;
    Ok(version.map_or(Condition::Foreign, Condition::Versioned))
}

const TABLES: &str = "
CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    user_id TEXT,
    session_key TEXT,
    chat_id TEXT,
    chat_type TEXT,
    thread_id TEXT,
    display_name TEXT,
    origin_json TEXT,
    expiry_finalized INTEGER DEFAULT 0,
    model TEXT,
    model_config TEXT,
    system_prompt TEXT,
    parent_session_id TEXT,
    started_at REAL NOT NULL,
    ended_at REAL,
    end_reason TEXT,
    message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0,
    input_tokens INTEGER DEFAULT 0,
    output_tokens INTEGER DEFAULT 0,
    cache_read_tokens INTEGER DEFAULT 0,
    cache_write_tokens INTEGER DEFAULT 0,
    reasoning_tokens INTEGER DEFAULT 0,
    cwd TEXT,
    git_branch TEXT,
    git_repo_root TEXT,
    billing_provider TEXT,
    billing_base_url TEXT,
    billing_mode TEXT,
    estimated_cost_usd REAL,
    actual_cost_usd REAL,
    cost_status TEXT,
    cost_source TEXT,
    pricing_version TEXT,
    title TEXT,
    api_call_count INTEGER DEFAULT 0,
    handoff_state TEXT,
    handoff_platform TEXT,
    handoff_error TEXT,
    compression_failure_cooldown_until REAL,
    compression_failure_error TEXT,
    compression_fallback_streak INTEGER NOT NULL DEFAULT 0,
    profile_name TEXT,
    rewind_count INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (parent_session_id) REFERENCES sessions(id)
);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions(id),
    role TEXT NOT NULL,
    content TEXT,
    tool_call_id TEXT,
    tool_calls TEXT,
    tool_name TEXT,
    effect_disposition TEXT,
    timestamp REAL NOT NULL,
    token_count INTEGER,
    finish_reason TEXT,
    reasoning TEXT,
    reasoning_content TEXT,
    reasoning_details TEXT,
    codex_reasoning_items TEXT,
    codex_message_items TEXT,
    platform_message_id TEXT,
    observed INTEGER DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    compacted INTEGER NOT NULL DEFAULT 0,
    api_content TEXT
);

CREATE INDEX idx_sessions_source ON sessions(source);
CREATE INDEX idx_sessions_source_id ON sessions(source, id);
CREATE INDEX idx_sessions_parent ON sessions(parent_session_id);
CREATE INDEX idx_sessions_started ON sessions(started_at DESC);
CREATE UNIQUE INDEX idx_sessions_title_unique ON sessions(title) WHERE title IS NOT NULL;
CREATE INDEX idx_messages_session ON messages(session_id, timestamp);
CREATE INDEX idx_messages_session_active ON messages(session_id, active, timestamp);
CREATE INDEX idx_messages_platform_msg_id ON messages(session_id, platform_message_id)
    WHERE platform_message_id IS NOT NULL;
";

/// An input has no foreign key: it may wait for a session that has no row yet.
const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS accepted_inputs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    accepted_at REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS keyed_answers (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    answer TEXT NOT NULL,
    answered_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_keyed_answers_answered ON keyed_answers(answered_at);
";

#[cfg(test)]
mod tests {
    use super::super::Database;
    use super::*;

    /// Opens a file prepared by the SQL in `before`, and compares the error.
    #[track_caller]
    fn check_refused(before: &str, says: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        Connection::open(&path).and_then(|connection| connection.execute_batch(before)).expect("a database");
        let bytes = std::fs::read(&path).expect("the file");
        let error = Database::open(&path).err().expect("it is refused").to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(std::fs::read(&path).expect("the file"), bytes, "a refused file stays as it was");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "and nothing lies beside it");
    }

    #[test]
    fn only_our_version_opens() {
        let version = |version: i64| {
            format!("CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES ({version});")
        };
        check_refused(&version(23), "has schema version 23, this gateway knows versions up to 22; use a newer gateway");
        check_refused(&version(14), "has schema version 14, this gateway needs version 22");
        check_refused("CREATE TABLE notes (text TEXT)", "not one of a gateway");
        check_refused("CREATE TABLE schema_version (version INTEGER)", "not one of a gateway");
    }

    #[test]
    fn what_is_no_database_is_said_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        std::fs::write(&path, "dear diary, ".repeat(100)).expect("a file");
        assert_eq!(Database::open(&path).err(), Some(OpenError::NotADatabase { path: path.clone() }));
        let missing = folder.path().join("no/such/folder.db");
        let error = Database::open(&missing).err().expect("it is refused").to_string();
        assert!(error.starts_with("cannot open database") && error.contains("no/such/folder.db"), "{error}");
    }

    /// A new file is in WAL mode and can be opened again. Its commits wait for the disk: 3 is `EXTRA`. With `NORMAL` a loss
    /// of power takes acknowledged rows, with `FULL` it does where there is no WAL.
    #[test]
    fn a_file_opens_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        for _ in 0..2 {
            let database = Database::open(&path).expect("it opens");
            let pragma = |name| database.connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
            assert_eq!(pragma("journal_mode").as_deref(), Ok("wal"));
            let number = |name| database.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            assert_eq!((number("synchronous"), number("wal_autocheckpoint")), (Ok(3), Ok(1000)));
            assert_eq!(database.complaints(), Ok(Vec::new()));
            let version = "SELECT version FROM schema_version ORDER BY version";
            assert_eq!(database.connection.query_one(version, [], |row| row.get(0)), Ok(SCHEMA_VERSION));
        }
    }

    #[test]
    fn foreign_keys_hold() {
        let database = Database::in_memory().expect("memory");
        let on = database.connection.pragma_query_value(None, "foreign_keys", |row| row.get(0));
        assert_eq!(on, Ok(true));
        let keys = "SELECT m.name || '.' || k.\"from\" || ' -> ' || k.\"table\" || '.' || k.\"to\" \
                    FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) k ORDER BY 1";
        let expected = ["messages.session_id -> sessions.id", "sessions.parent_session_id -> sessions.id"];
        assert_eq!(lines(&database, keys), expected);
    }

    #[test]
    fn indices_are_as_documented() {
        let database = Database::in_memory().expect("memory");
        let indices = "SELECT name || (CASE WHEN sql LIKE '%UNIQUE%WHERE title IS NOT NULL' THEN ' unique' ELSE '' END)
                       FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
        let expected = [
            "idx_keyed_answers_answered",
            "idx_messages_platform_msg_id",
            "idx_messages_session",
            "idx_messages_session_active",
            "idx_sessions_parent",
            "idx_sessions_source",
            "idx_sessions_source_id",
            "idx_sessions_started",
            "idx_sessions_title_unique unique",
        ];
        assert_eq!(lines(&database, indices), expected);
    }

    #[test]
    fn columns_are_as_documented() {
        check_columns("schema_version", "version INTEGER!");
        check_columns(
            "sessions",
            "id TEXT pk, source TEXT!, user_id TEXT, session_key TEXT, chat_id TEXT, chat_type TEXT, thread_id TEXT, \
             display_name TEXT, origin_json TEXT, expiry_finalized INTEGER=0, model TEXT, model_config TEXT, \
             system_prompt TEXT, parent_session_id TEXT, started_at REAL!, ended_at REAL, end_reason TEXT, \
             message_count INTEGER=0, tool_call_count INTEGER=0, input_tokens INTEGER=0, output_tokens INTEGER=0, \
             cache_read_tokens INTEGER=0, cache_write_tokens INTEGER=0, reasoning_tokens INTEGER=0, cwd TEXT, \
             git_branch TEXT, git_repo_root TEXT, billing_provider TEXT, billing_base_url TEXT, billing_mode TEXT, \
             estimated_cost_usd REAL, actual_cost_usd REAL, cost_status TEXT, cost_source TEXT, \
             pricing_version TEXT, title TEXT, api_call_count INTEGER=0, handoff_state TEXT, handoff_platform TEXT, \
             handoff_error TEXT, compression_failure_cooldown_until REAL, compression_failure_error TEXT, \
             compression_fallback_streak INTEGER!=0, profile_name TEXT, rewind_count INTEGER!=0, archived INTEGER!=0",
        );
        check_columns(
            "messages",
            "id INTEGER pk, session_id TEXT!, role TEXT!, content TEXT, tool_call_id TEXT, tool_calls TEXT, \
             tool_name TEXT, effect_disposition TEXT, timestamp REAL!, token_count INTEGER, finish_reason TEXT, \
             reasoning TEXT, reasoning_content TEXT, reasoning_details TEXT, codex_reasoning_items TEXT, \
             codex_message_items TEXT, platform_message_id TEXT, observed INTEGER=0, active INTEGER!=1, \
             compacted INTEGER!=0, api_content TEXT",
        );
    }

    /// Compares columns in order: `!` is NOT NULL, `=` the default, `pk` the primary key.
    #[track_caller]
    fn check_columns(table: &str, expected: &str) {
        let database = Database::in_memory().expect("memory");
        let columns = format!(
            "SELECT name || ' ' || type || iif(\"notnull\", '!', '') || coalesce('=' || dflt_value, '') \
             || iif(pk, ' pk', '') FROM pragma_table_info('{table}') ORDER BY cid"
        );
        assert_eq!(lines(&database, &columns).join(", "), expected);
    }

    fn lines(database: &Database, sql: &str) -> Vec<String> {
        let mut statement = database.connection.prepare(sql).expect("the statement is right");
        let rows = statement.query_map([], |row| row.get(0)).expect("it runs");
        rows.collect::<Result<_, _>>().expect("rows of text")
    }
}

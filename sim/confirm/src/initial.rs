//! Rows that the database has before the package starts, in the tables that the package itself has made.
//!
//! The releases have different columns, so they are taken from the tables. A column that is absent is left out if a row without it
//! says the same, otherwise the row is refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gateway_core::clock::Wall;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use sim_harness::world::clock::EPOCH;
use sim_harness::world::start::dump;
use sim_scenario::InitialSession;

/// Why the rows cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// The release has no such column.
    #[error("row `{row}`: the table `{table}` of this release has no column `{column}`")]
    Column {
        /// The stored id of the session.
        row: String,
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The tables refuse a row.
    #[error("row `{row}` cannot be stored: {source}")]
    Row {
        /// The stored id of the session.
        row: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The database cannot be opened.
    #[error("{db}: {source}")]
    Database {
        /// The file.
        db: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// Stores the rows, with times that count back from `now`.
///
/// # Errors
/// The tables cannot hold them.
pub(crate) fn store(db: &Path, rows: &[InitialSession], now: Wall) -> Result<(), NotStored> {
    let failed = |source| NotStored::Database { db: db.to_owned(), source };
    let mut connection = Connection::open(db).map_err(failed)?;
    let transaction = connection.transaction().map_err(failed)?;
    let sessions = Table::of(&transaction, "sessions").map_err(failed)?;
    let messages = Table::of(&transaction, "messages").map_err(failed)?;
    let dump = dump(rows);
    for session in &dump.sessions {
        let row = session.id.to_string();
        let branched_from = session.branched_from.as_ref();
        let config = branched_from.map(|parent| serde_json::json!({"_branched_from": parent.to_string()}).to_string());
        let values = [
            Column::new("id", row.clone()),
            Column::new("source", session.source.clone()),
            Column::new("model", session.model.clone()),
            Column::new("parent_session_id", session.parent.as_ref().map(ToString::to_string)),
            Column::new("model_config", config),
            Column::new("started_at", at(session.started_at, now)),
            Column::new("ended_at", session.ended_at.map(|ended_at| at(ended_at, now))),
            Column::new("end_reason", session.end_reason.clone()),
            Column::new("message_count", count(session.message_count)).unless(0),
            Column::new("tool_call_count", count(session.tool_call_count)).unless(0),
            Column::new("title", session.title.clone()),
            Column::new("cwd", session.cwd.clone()),
        ];
        sessions.insert(&transaction, &row, values)?;
    }
    for stored in &dump.messages {
        let (row, message) = (stored.session.to_string(), &stored.message);
        let values = [
            Column::new("session_id", row.clone()),
            Column::new("role", message.role.as_str().to_owned()),
            Column::new("content", message.content.clone()),
            Column::new("tool_call_id", message.tool_call_id.clone()),
            Column::new("tool_calls", message.tool_calls.clone()),
            Column::new("tool_name", message.tool_name.clone()),
            Column::new("timestamp", at(message.timestamp, now)),
            Column::new("active", i64::from(stored.active)).unless(1),
            Column::new("compacted", i64::from(!stored.active)).unless(0),
        ];
        messages.insert(&transaction, &row, values)?;
    }
    transaction.commit().map_err(failed)
}

/// Seconds since 1970 of a time that counts from the beginning of the run.
fn at(time: Wall, now: Wall) -> f64 {
    let since = time.0 as f64 - EPOCH.0 as f64;
    (now.0 as f64 + since) / 1000.0
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value and its column.
struct Column {
    name: &'static str,
    value: Value,
    /// The value that a row without the column has.
    absent: Value,
}

impl Column {
    fn new(name: &'static str, value: impl Into<Value>) -> Self {
        Self { name, value: value.into(), absent: Value::Null }
    }

    fn unless(self, absent: i64) -> Self {
        Self { absent: Value::Integer(absent), ..self }
    }
}

/// A table as the package has made it.
struct Table {
    name: &'static str,
    columns: BTreeSet<String>,
}

impl Table {
    fn of(connection: &Connection, name: &'static str) -> rusqlite::Result<Self> {
        let statement = connection.prepare(&format!("SELECT * FROM {name} LIMIT 0"))?;
        Ok(Self { name, columns: statement.column_names().map(str::to_owned).collect() })
    }

    fn insert<const N: usize>(&self, connection: &Connection, row: &str, values: [Column; N]) -> Result<(), NotStored> {
        let (there, absent): (Vec<Column>, Vec<Column>) =
            values.into_iter().partition(|column| self.columns.contains(column.name));
        if let Some(Column { name: column, .. }) = absent.into_iter().find(|column| column.value != column.absent) {
            return Err(NotStored::Column { row: row.to_owned(), table: self.name, column });
        }
        let names: Vec<&str> = there.iter().map(|column| column.name).collect();
        let places = vec!["?"; names.len()].join(", ");
        let statement = format!("INSERT INTO {} ({}) VALUES ({places})", self.name, names.join(", "));
        let values = params_from_iter(there.into_iter().map(|column| column.value));
        let inserted = connection.execute(&statement, values);
        inserted.map(drop).map_err(|source| NotStored::Row { row: row.to_owned(), source })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use gateway_core::clock::Millis;
    use gateway_core::store::Role;
    use sim_scenario::{InitialEnd, InitialMessage, Kinship};

    /// The columns of 0.19.0 that matter here.
    pub(crate) const NEW: &str = "
        CREATE TABLE sessions (id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, model_config TEXT,
            parent_session_id TEXT REFERENCES sessions(id), started_at REAL NOT NULL, ended_at REAL, end_reason TEXT,
            message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0, title TEXT, cwd TEXT);
        CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id),
            role TEXT NOT NULL, content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL,
            active INTEGER NOT NULL DEFAULT 1, compacted INTEGER NOT NULL DEFAULT 0);";

    /// Makes tables in a new file.
    pub(crate) fn tables(db: &Path, tables: &str) {
        Connection::open(db).and_then(|connection| connection.execute_batch(tables)).expect("tables");
    }

    fn rows() -> [InitialSession; 2] {
        let call = r#"[{"id":"call_1","type":"function","function":{"name":"tool","arguments":"{}"}}]"#;
        let calls = InitialMessage { tool_calls: Some(call.to_owned()), ..InitialMessage::text(Role::Assistant, "") };
        let old = InitialMessage { is_active: false, ..InitialMessage::text(Role::User, "old") };
        let end = InitialEnd { ago: Millis::from_secs(10), reason: "compression".to_owned() };
        let root = InitialSession {
            started: Millis::from_secs(60),
            end: Some(end),
            title: Some("plan".to_owned()),
            messages: vec![old, InitialMessage::text(Role::User, "hello"), calls],
            ..InitialSession::new("a")
        };
        let parent = Some("a".to_owned());
        let branch = InitialSession {
            parent,
            kinship: Kinship::Branch,
            started: Millis::from_secs(5),
            ..InitialSession::new("b")
        };
        [root, branch]
    }

    /// Stores the rows in these tables.
    fn stored(schema: &str, rows: &[InitialSession]) -> Result<Connection, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let db = folder.path().join("state.db");
        tables(&db, schema);
        store(&db, rows, Wall(1_800_000_000_000)).map_err(|error| error.to_string())?;
        // The file goes with the folder, what is open stays.
        Ok(Connection::open(&db).expect("a database"))
    }

    fn lines(connection: &Connection, query: &str) -> Vec<String> {
        let mut statement = connection.prepare(query).expect("a query");
        let lines = statement.query_map([], |row| row.get(0)).expect("rows");
        lines.collect::<Result<_, _>>().expect("text")
    }

    /// Times count back from the moment of storing, replaced messages do not count, and a branch says so as the package does.
    #[test]
    fn rows_are_stored_as_the_package_would() {
        let connection = stored(NEW, &rows()).expect("they are stored");
        let sessions = "SELECT id || ' ' || source || ' ' || (started_at - 1.8e9) || ' ' || coalesce(ended_at - 1.8e9, 'open') || ' ' ||
            message_count || ' ' || tool_call_count || ' ' || coalesce(parent_session_id || ' ' || model_config, title)
            FROM sessions ORDER BY rowid";
        let expected = ["a tui -60.0 -10.0 2 1 plan", "b tui -5.0 open 0 0 a {\"_branched_from\":\"a\"}"];
        assert_eq!(lines(&connection, sessions), expected);
        let messages =
            "SELECT role || ' ' || content || ' ' || active || ' ' || compacted || ' ' || (tool_calls IS NOT NULL)
            FROM messages ORDER BY id";
        assert_eq!(lines(&connection, messages), ["user old 0 1 0", "user hello 1 0 0", "assistant  1 0 1"]);
    }

    /// A column that a release does not have is not needed for a row that says nothing in it; otherwise row, table and column
    /// are named.
    #[test]
    fn a_missing_column_is_named() {
        let old = NEW
            .replace(", title TEXT, cwd TEXT", ", title TEXT")
            .replace(",\n            active INTEGER NOT NULL DEFAULT 1, compacted INTEGER NOT NULL DEFAULT 0", "");
        let refused = stored(&old, &rows()).expect_err("a replaced message");
        assert_eq!(refused, "row `a`: the table `messages` of this release has no column `active`");
        let [mut root, branch] = rows();
        root.messages.remove(0);
        assert!(stored(&old, &[root.clone(), branch]).is_ok());
        root.cwd = Some("/tmp".to_owned());
        let refused = stored(&old, &[root.clone()]).expect_err("a folder");
        assert_eq!(refused, "row `a`: the table `sessions` of this release has no column `cwd`");
        let refused = stored(NEW, &[root.clone(), root]).expect_err("a second row");
        assert!(refused.starts_with("row `a` cannot be stored: UNIQUE constraint failed"), "{refused}");
    }
}

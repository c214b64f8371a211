//! The tables and columns that a database has. They decide what is judged; the version only names the program.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

/// The first schema version of hermes-agent whose rows say which children are subagents (`_delegate_from`).
const MARKS_SUBAGENTS: i64 = 16;

/// The program whose schema a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// This project's gateway: it alone has the table `accepted_inputs`.
    Gateway,
    /// A release of hermes-agent, or any other program with its tables.
    HermesAgent,
}

/// The tables of a database with their columns.
#[derive(Debug)]
pub(crate) struct Schema {
    columns: BTreeMap<String, BTreeSet<String>>,
    pub(crate) version: Option<i64>,
    pub(crate) writer: Writer,
}

impl Schema {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
                   WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY 1, 2";
        let mut columns: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            columns.entry(row.get(0)?).or_default().insert(row.get(1)?);
        }
        let version = match columns.get("schema_version").is_some_and(|names| names.contains("version")) {
            true => {
                let sql = "SELECT version FROM schema_version ORDER BY version DESC LIMIT 1";
                connection.query_row(sql, [], |row| row.get(0)).optional().unwrap_or_default()
            }
            false => None,
        };
        let writer = if columns.contains_key("accepted_inputs") { Writer::Gateway } else { Writer::HermesAgent };
        Ok(Self { columns, version, writer })
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.columns.contains_key(table)
    }

    pub(crate) fn has(&self, table: &str, column: &str) -> bool {
        self.columns.get(table).is_some_and(|columns| columns.contains(column))
    }

    /// The column as an expression, or `otherwise` where the table does not have it.
    pub(crate) fn column<'a>(&self, table: &str, column: &'a str, otherwise: &'a str) -> &'a str {
        if self.has(table, column) { column } else { otherwise }
    }

    /// Whether the columns distinguish a child that is a subagent from one that is not.
    pub(crate) fn marks_subagents(&self) -> bool {
        self.writer == Writer::Gateway || self.version.is_some_and(|version| version >= MARKS_SUBAGENTS)
    }

    /// The release of the catalogue whose schema this is. Versions between two releases belong to the newer one.
    pub(crate) fn release(&self) -> Option<&'static str> {
        match (self.writer, self.version?) {
            (Writer::Gateway, _) => Some("current"),
            (_, ..=14) => Some("0.16.0"),
            (_, 15..=16) => Some("0.17.0"),
            (_, 17..=19) => Some("0.18.2"),
            (_, 20..=22) => Some("0.19.0"),
            _ => None,
        }
    }
}

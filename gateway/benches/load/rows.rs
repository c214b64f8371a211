//! Checks of the database after the gateway's end.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Sessions and messages, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) sessions: i64,
    /// Rows without an end.
    pub(crate) open: i64,
    pub(crate) messages: i64,
    /// Sessions with lost or duplicated messages.
    pub(crate) odd: i64,
}

impl Rows {
    /// Counts the rows of a closed database file.
    pub(crate) fn count(db: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let count = |sql: &str| connection.query_one(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self {
            sessions: count("SELECT COUNT(*) FROM sessions")?,
            open: count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL")?,
            messages: count("SELECT COUNT(*) FROM messages")?,
            odd: count(ODD)?,
        })
    }
}

/// A session in which a role follows itself has lost or duplicated a message.
const ODD: &str = "
SELECT COUNT(DISTINCT session_id) FROM (
    SELECT session_id, role, LAG(role) OVER (PARTITION BY session_id ORDER BY id) AS before FROM messages
) WHERE role = before";

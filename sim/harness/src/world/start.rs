//! Rows that the database has before the first process starts.

use gateway_core::clock::Clock;
use gateway_core::store::{EndReason, NewMessage, NewSession, Role, StoreError, StoredId, Write};

use super::World;
use super::names::{Ids, Named};

/// A session that another process has stored before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRow {
    /// The session's name in the script.
    pub name: String,
    /// The kind of client that made it.
    pub source: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The name of the session that it continues.
    pub parent: Option<String>,
    /// Its messages, oldest first.
    pub messages: Vec<(Role, String)>,
    /// How it ended; none for an open row.
    pub end: Option<EndReason>,
}

impl World {
    /// Stores the rows at the beginning of the run. Clients know the stored ids by the names of the sessions, which have no
    /// live record.
    ///
    /// # Errors
    /// When a row cannot be stored.
    pub(crate) fn store_start(&self, rows: &[StartRow]) -> Result<(), StoreError> {
        let at = self.context.clock.now().wall;
        let id = |name: &str| {
            let place = rows.iter().position(|row| row.name == name);
            place.map(|place| StoredId::new(format!("start_{}", place + 1)))
        };
        for row in rows {
            let stored = id(&row.name).expect("each row is among the rows");
            let session = NewSession {
                id: stored.clone(),
                source: row.source.clone(),
                model: None,
                parent: row.parent.as_deref().and_then(id),
                branched_from: None,
                started_at: at,
                cwd: None,
                title: row.title.clone(),
            };
            let messages = row.messages.iter().map(|(role, text)| NewMessage::text(*role, text, at)).collect();
            self.store.note_elsewhere(stored.clone());
            self.store.write_elsewhere(&Write::StartTurn { session, messages })?;
            if let Some(reason) = row.end {
                self.store.write_elsewhere(&Write::End { session: stored.clone(), at, reason })?;
            }
            let ids = Ids { runtime: String::new(), stored: stored.to_string() };
            self.context.names.resolve(&row.name, Named::Known(ids));
        }
        Ok(())
    }
}

//! Rows that the database has before the first process starts.

use gateway_core::clock::{Millis, Wall};
use gateway_core::store::{MessageRow, NewMessage, SessionRow, StoredId};
use gateway_sqlite::Dump;
use sim_scenario::{InitialMessage, InitialSession, Kinship};

use super::World;
use super::clock::EPOCH;
use super::names::{Ids, Named};

impl World {
    /// Stores the rows at the beginning of the run. Clients know the stored ids by the names of the sessions, which have no
    /// live record.
    ///
    /// # Panics
    /// When two rows have one id or one title, or a parent does not stand before its child.
    pub(crate) fn store_start(&self, rows: &[InitialSession]) {
        if rows.is_empty() {
            return;
        }
        self.store.begin_with(&dump(rows));
        for row in rows {
            let ids = Ids { runtime: String::new(), stored: row.id.clone() };
            self.context.names.resolve(row.name(), Named::Known(ids));
        }
    }
}

/// The rows as the tables hold them.
pub fn dump(rows: &[InitialSession]) -> Dump {
    let mut dump = Dump { sessions: Vec::new(), messages: Vec::new(), inputs: Vec::new() };
    for row in rows {
        let session = StoredId::new(row.id.as_str());
        let started_at = before(row.started);
        let messages: Vec<NewMessage> =
            (0..).zip(&row.messages).map(|(place, message)| said(message, started_at, place)).collect();
        let active =
            || row.messages.iter().zip(&messages).filter(|(initial, _)| initial.is_active).map(|(_, message)| message);
        let parent = row.parent.as_deref().map(StoredId::new);
        dump.sessions.push(SessionRow {
            id: session.clone(),
            source: row.source.clone(),
            branched_from: parent.clone().filter(|_| row.kinship == Kinship::Branch),
            parent,
            started_at,
            ended_at: row.end.as_ref().map(|end| before(end.ago)),
            end_reason: row.end.as_ref().map(|end| end.reason.clone()),
            message_count: active().count() as u64,
            tool_call_count: active().map(NewMessage::calls).sum(),
            title: row.title.clone(),
            cwd: row.cwd.clone(),
            model: row.model.clone(),
        });
        for (message, initial) in messages.into_iter().zip(&row.messages) {
            let id = dump.messages.len() as i64 + 1;
            dump.messages.push(MessageRow { id, session: session.clone(), message, active: initial.is_active });
        }
    }
    dump
}

fn before(length: Millis) -> Wall {
    Wall(EPOCH.0.saturating_sub(length.0))
}

fn said(message: &InitialMessage, started_at: Wall, place: u64) -> NewMessage {
    let InitialMessage { role, content, tool_call_id, tool_calls, tool_name, is_active: _ } = message.clone();
    let timestamp = Wall(started_at.0 + place).min(EPOCH);
    NewMessage { role, content, tool_call_id, tool_calls, tool_name, timestamp }
}

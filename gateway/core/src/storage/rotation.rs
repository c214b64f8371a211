//! Compression: the conversation is replaced by its summary, in place or under a new id (spec §8).
//!
//! A rotation is one transaction. Old releases rotate statement by statement, in [`legacy::rotation`].

use crate::agent::CompressionMode;
use crate::legacy;
use crate::lifecycle::flush::FlushPoint;
use crate::lifecycle::rotation::{Compression, Unchanged};
use crate::state::{Gateway, Session};
use crate::storage::compaction::{self, Saved};
use crate::storage::persist;
use crate::storage::reconcile;
use crate::store::{MessageRow, NewMessage, Role, StoreError};

/// Stores the messages that are not stored yet, then replaces the conversation by `summary` and its last messages.
///
/// On an error the conversation stays as it is.
pub(crate) async fn compress(
    gateway: &Gateway,
    session: &Session,
    asked: CompressionMode,
    summary: String,
) -> Result<(), StoreError> {
    let at = gateway.env.now().wall;
    let (messages, is_unchanged) = session.read(|record| {
        let after = compaction::compacted(gateway, &record.transcript, NewMessage::text(Role::Assistant, summary, at));
        let is_unchanged =
            !record.transcript.is_marked && compaction::is_unchanged(&record.transcript.messages, &after);
        (after, is_unchanged)
    });
    if is_unchanged && gateway.behavior.rotation.on_unchanged() == Unchanged::Skipped {
        return Ok(());
    }
    let mode = gateway.behavior.rotation.mode(asked, gateway.config.compression.mode());
    let point = match mode {
        Compression::InPlace => FlushPoint::Compression,
        Compression::Rotate => FlushPoint::Rotation,
    };
    persist::flush(gateway, session, point).await?;
    match mode {
        Compression::InPlace => {
            let row = session.read(|record| record.agent.row.clone());
            let written = gateway.rows.compact(row.clone(), messages.clone()).await;
            let look = || gateway.rows.messages(row.clone());
            let shows = |rows: &Vec<MessageRow>| rows.len() == messages.len() && reconcile::ends_with(rows, &messages);
            reconcile::outcome(gateway, written, look, shows).await?;
            session.change(|record| {
                record.transcript = compaction::rewritten(&record.transcript, messages, Saved::InPlace)
            });
            Ok(())
        }
        Compression::Rotate => rotate(gateway, session, messages).await,
    }
}

/// The session continues under a new id.
async fn rotate(gateway: &Gateway, session: &Session, messages: Vec<NewMessage>) -> Result<(), StoreError> {
    let parent = session.read(|record| record.agent.row.clone());
    let child = compaction::child_of(gateway, session, &parent);
    if let Some(steps) = gateway.behavior.rotation.old_steps() {
        return legacy::rotation::rotate(gateway, session, parent, child, messages, steps).await;
    }
    let (id, at) = (child.id.clone(), child.started_at);
    // The session owns both rows until the answer: a resume of either finds it.
    session.change(|record| record.agent.next = Some(id.clone()));
    let rotated = gateway.rows.rotate(parent, at, child, messages.clone()).await;
    // The child exists if and only if the whole rotation was carried out.
    let look = || gateway.rows.session(id.clone());
    let rotated = reconcile::outcome(gateway, rotated, look, Option::is_some).await;
    session.change(|record| record.agent.next = None);
    rotated?;
    compaction::switch(gateway, session, &id, messages, Saved::All);
    Ok(())
}

//! Compression: the conversation is replaced by its summary, in place or under a new id (spec §8).
//!
//! A rotation is a list of [`RotationStep`]s, which [`rotate`] carries out.

use crate::agent::CompressionMode;
use crate::entropy::Stream;
use crate::lifecycle::flush::FlushPoint;
use crate::lifecycle::rotation::{Compression, RotationStep};
use crate::record::{Record, Transcript};
use crate::spawn::Window;
use crate::state::{Gateway, Session};
use crate::storage::persist;
use crate::storage::reconcile;
use crate::store::{EndReason, MessageRow, NewMessage, NewSession, Role, StoreError, StoredId};

/// Stores the messages that are not stored yet, then replaces the conversation by `summary` and its last message.
///
/// On an error the conversation stays as it is.
pub(crate) async fn compress(
    gateway: &Gateway,
    session: &Session,
    asked: CompressionMode,
    summary: String,
    point: FlushPoint,
) -> Result<(), StoreError> {
    let mode = gateway.behavior.rotation.mode(asked, gateway.config.compression.mode());
    let point = if mode == Compression::Rotate { FlushPoint::Rotation } else { point };
    persist::flush(gateway, session, point).await?;
    let at = gateway.env.now().wall;
    let messages = session.read(|record| compacted(&record.transcript, NewMessage::text(Role::Assistant, summary, at)));
    match mode {
        Compression::InPlace => {
            let row = session.read(|record| record.agent.row.clone());
            let written = gateway.rows.compact(row.clone(), messages.clone()).await;
            let look = || gateway.rows.messages(row.clone());
            let shows = |rows: &Vec<MessageRow>| rows.len() == messages.len() && reconcile::ends_with(rows, &messages);
            reconcile::outcome(gateway, written, look, shows).await?;
            session.change(|record| record.transcript = rewritten(&record.transcript, messages, Saved::All));
            Ok(())
        }
        Compression::Rotate => rotate(gateway, session, messages).await,
    }
}

async fn rotate(gateway: &Gateway, session: &Session, messages: Vec<NewMessage>) -> Result<(), StoreError> {
    let parent = session.read(|record| record.agent.row.clone());
    let child = child_of(gateway, session, &parent);
    let (id, at) = (child.id.clone(), child.started_at);
    let before = session.read(|record| record.transcript.clone());
    for step in gateway.behavior.rotation.steps() {
        match step {
            RotationStep::Rotate => {
                // The session owns both rows until the answer: a resume of either finds it.
                session.change(|record| record.agent.next = Some(id.clone()));
                let rotated = gateway.rows.rotate(parent.clone(), at, child.clone(), messages.clone()).await;
                // The child exists if and only if the whole rotation was carried out.
                let look = || gateway.rows.session(id.clone());
                let rotated = reconcile::outcome(gateway, rotated, look, Option::is_some).await;
                session.change(|record| record.agent.next = None);
                rotated?;
                switch(gateway, session, &id, messages.clone(), Saved::All);
            }
            RotationStep::EndParent => {
                gateway.rows.end(parent.clone(), at, EndReason::Compression).await?;
                gateway.env.window(Window::ParentEndedChildMissing).await;
            }
            // The next flush writes the compacted messages to the child.
            RotationStep::SwitchId => {
                switch(gateway, session, &id, messages.clone(), Saved::Nothing);
            }
            RotationStep::InsertChild => {
                if let Err(error) = gateway.rows.create_session(child.clone()).await {
                    session.change(|record| switch_back(gateway, record, &parent, before));
                    // The releases that do this only log errors.
                    let _ = gateway.rows.reopen(parent).await;
                    return Err(error);
                }
            }
            RotationStep::TryInsertChild => drop(gateway.rows.create_session(child.clone()).await),
            RotationStep::WriteMessages => persist::flush(gateway, session, FlushPoint::Compression).await?,
            RotationStep::Title => drop(gateway.rows.continue_title(id.clone(), parent.clone()).await),
        }
    }
    Ok(())
}

/// A new row that continues `parent` from now on.
fn child_of(gateway: &Gateway, session: &Session, parent: &StoredId) -> NewSession {
    let at = gateway.env.now().wall;
    NewSession {
        id: gateway.new_row(at, Stream::Session(session.id())),
        source: session.read(|record| record.facts.source.clone()),
        model: Some(gateway.config.model.clone()),
        parent: Some(parent.clone()),
        branched_from: None,
        started_at: at,
        cwd: None,
        title: None,
    }
}

/// Carries out the compression of a review that shares the session's row: the rows change, the session's record does not
/// (S24). The releases that do this only log errors. Returns the row that the review goes on with.
pub(crate) async fn compress_beside(
    gateway: &Gateway,
    session: &Session,
    row: StoredId,
    transcript: &Transcript,
    asked: CompressionMode,
    summary: String,
) -> StoredId {
    let messages = compacted(transcript, NewMessage::text(Role::Assistant, summary, gateway.env.now().wall));
    match gateway.behavior.rotation.mode(asked, gateway.config.compression.mode()) {
        Compression::InPlace => {
            let _ = gateway.rows.compact(row.clone(), messages).await;
            row
        }
        Compression::Rotate => {
            let child = child_of(gateway, session, &row);
            let id = child.id.clone();
            let _ = gateway.rows.end(row.clone(), child.started_at, EndReason::Compression).await;
            gateway.env.window(Window::ParentEndedChildMissing).await;
            let _ = gateway.rows.create_session(child).await;
            let _ = gateway.rows.continue_title(id.clone(), row).await;
            let _ = gateway.rows.append(id.clone(), messages).await;
            id
        }
    }
}

/// The session goes on under `id` with the compacted messages.
fn switch(gateway: &Gateway, session: &Session, id: &StoredId, messages: Vec<NewMessage>, saved: Saved) {
    session.change(|record| {
        record.agent.row = id.clone();
        record.transcript = rewritten(&record.transcript, messages, saved);
    });
    if gateway.behavior.rotation.syncs_key_at_once() {
        gateway.approvals.follow_row(session);
    }
}

/// Undoes [`switch`].
fn switch_back(gateway: &Gateway, record: &mut Record, parent: &StoredId, before: Transcript) {
    record.agent.row = parent.clone();
    if gateway.behavior.rotation.syncs_key_at_once() {
        record.key = parent.clone();
    }
    record.transcript = before;
}

/// How much of a compacted conversation is stored.
#[derive(Clone, Copy)]
enum Saved {
    All,
    Nothing,
}

fn rewritten(before: &Transcript, messages: Vec<NewMessage>, saved: Saved) -> Transcript {
    let saved = match saved {
        Saved::All => messages.len(),
        Saved::Nothing => 0,
    };
    Transcript { messages, saved, loaded: 0, draft: 0, version: before.version + 1 }
}

/// The summary and the last message, which is all that a compression leaves.
fn compacted(transcript: &Transcript, summary: NewMessage) -> Vec<NewMessage> {
    std::iter::once(summary).chain(transcript.messages.last().cloned()).collect()
}

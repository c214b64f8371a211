//! Compression: the conversation is replaced by its summary, in place or under another id (spec §8).
//!
//! A rotation is a procedure: a list of [`RotationStep`]s that one executor carries out.

use crate::agent::CompressionMode;
use crate::approvals;
use crate::behavior::group;
use crate::doubt;
use crate::entropy::Stream;
use crate::lifecycle::flush::Moment;
use crate::persist;
use crate::record::{Record, Transcript};
use crate::server::Gateway;
use crate::session::Session;
use crate::spawn::Window;
use crate::store::{EndReason, MessageRow, NewMessage, NewSession, Role, StoreError, StoredId};

group! {
    /// Going on under another id.
    Rotation "rotation" {
        /// How the parent is ended and the child begun.
        procedure: Procedure {
            /// In one transaction.
            Atomic "atomic",
            /// One statement after the other, then the messages: a kill in between leaves an ended parent without a
            /// child (B2). If the child cannot be inserted, the parent is reopened.
            StepsAndWrite "steps_and_write",
            /// One statement after the other; the messages follow with the turn's next ones.
            Steps "steps",
            /// The same, and whether the child was inserted is not looked at: the conversation goes on without a row
            /// (B1).
            StepsUnchecked "steps_unchecked",
        }
        /// When the record's key follows the agent's row.
        key: KeySync {
            /// At once.
            AtOnce "at_once",
            /// After the turn; meanwhile the session is not found under its new id (S23).
            AfterTurn "after_turn",
        }
        /// What a compression does that names no mode.
        default_mode: DefaultMode {
            /// The messages are replaced, the id stays.
            InPlace "in_place",
            /// The session goes on under a new id.
            Rotate "rotate"
                harmless "it is the default of a setting, and each of its values leaves whole rows",
        }
    }
}

/// One step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// Parent, child, title and messages in one transaction; then the switch in memory.
    Rotate,
    /// The parent's row is ended with `compression`.
    EndParent,
    /// The agent goes on under the child's id, in memory.
    SwitchId,
    /// The child's row is inserted; if that fails, the parent is reopened and goes on.
    InsertChild,
    /// The child's row is inserted, or not.
    TryInsertChild,
    /// The child gets the next title of the lineage.
    Title,
    /// The compacted messages are stored under the child.
    WriteMessages,
}

impl Rotation {
    /// The steps of a rotation, in order.
    pub fn steps(&self) -> &'static [RotationStep] {
        match self.procedure {
            Procedure::Atomic => &[RotationStep::Rotate],
            Procedure::StepsAndWrite => &[
                RotationStep::EndParent,
                RotationStep::SwitchId,
                RotationStep::InsertChild,
                RotationStep::Title,
                RotationStep::WriteMessages,
            ],
            Procedure::Steps => {
                &[RotationStep::EndParent, RotationStep::SwitchId, RotationStep::InsertChild, RotationStep::Title]
            }
            Procedure::StepsUnchecked => {
                &[RotationStep::EndParent, RotationStep::SwitchId, RotationStep::TryInsertChild, RotationStep::Title]
            }
        }
    }

    /// Whether the record's key follows at once.
    pub fn syncs_key_at_once(&self) -> bool {
        match self.key {
            KeySync::AtOnce => true,
            KeySync::AfterTurn => false,
        }
    }

    /// The mode in force when a compression asks for `asked` and the configuration says `configured`.
    fn mode(&self, asked: CompressionMode, configured: CompressionMode) -> DefaultMode {
        let mode = if asked == CompressionMode::Default { configured } else { asked };
        match (mode, self.default_mode) {
            (CompressionMode::InPlace, _) | (CompressionMode::Default, DefaultMode::InPlace) => DefaultMode::InPlace,
            (CompressionMode::Rotate, _) | (CompressionMode::Default, DefaultMode::Rotate) => DefaultMode::Rotate,
        }
    }
}

/// Replaces the conversation by `summary` and its last message, after storing what is not stored yet at this moment.
/// On an error the conversation stays as it is.
pub(crate) async fn compress(
    gateway: &Gateway,
    session: &Session,
    asked: CompressionMode,
    summary: String,
    moment: Moment,
) -> Result<(), StoreError> {
    let mode = gateway.behavior.rotation.mode(asked, gateway.config.compression.mode());
    let moment = if mode == DefaultMode::Rotate { Moment::Rotation } else { moment };
    persist::flush(gateway, session, moment).await?;
    let at = gateway.env.now().wall;
    let messages = session.read(|record| compacted(&record.transcript, NewMessage::text(Role::Assistant, summary, at)));
    match mode {
        DefaultMode::InPlace => {
            let row = session.read(|record| record.agent.row.clone());
            let written = gateway.rows.compact(row.clone(), messages.clone()).await;
            let look = || gateway.rows.messages(row.clone());
            let shows = |rows: &Vec<MessageRow>| rows.len() == messages.len() && doubt::ends_with(rows, &messages);
            doubt::settle(gateway, written, look, shows).await?;
            session.change(|record| record.transcript = rewritten(&record.transcript, messages, Saved::All));
            Ok(())
        }
        DefaultMode::Rotate => rotate(gateway, session, messages).await,
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
                // Both ids are owned until the answer: a resume of either finds this record.
                session.change(|record| record.agent.next = Some(id.clone()));
                let rotated = gateway.rows.rotate(parent.clone(), at, child.clone(), messages.clone()).await;
                // The child is there if and only if the whole rotation is.
                let look = || gateway.rows.session(id.clone());
                let rotated = doubt::settle(gateway, rotated, look, Option::is_some).await;
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
                    // An error here is only logged by the releases that go this way, as with the rest.
                    let _ = gateway.rows.reopen(parent).await;
                    return Err(error);
                }
            }
            RotationStep::TryInsertChild => drop(gateway.rows.create_session(child.clone()).await),
            RotationStep::WriteMessages => persist::flush(gateway, session, Moment::Compression).await?,
            RotationStep::Title => drop(gateway.rows.continue_title(id.clone(), parent.clone()).await),
        }
    }
    Ok(())
}

/// The row that goes on where `parent` ends, now.
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

/// The compression of a fork that shares the session's row: the rows change, the session does not learn of it. Errors
/// are only logged by the releases that go this way. Returns the row that the fork goes on with.
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
        DefaultMode::InPlace => {
            let _ = gateway.rows.compact(row.clone(), messages).await;
            row
        }
        DefaultMode::Rotate => {
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
        approvals::follow_row(gateway, session);
    }
}

/// The record goes on under the id that it had.
fn switch_back(gateway: &Gateway, record: &mut Record, parent: &StoredId, before: Transcript) {
    record.agent.row = parent.clone();
    if gateway.behavior.rotation.syncs_key_at_once() {
        record.key = parent.clone();
    }
    record.transcript = before;
}

/// How much of a compacted conversation the database has.
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

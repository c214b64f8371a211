//! Prompts before their turn: the queue, and the write that stores a prompt before it is accepted.

use std::rc::Rc;

use crate::clock::Now;
use crate::legacy;
use crate::lifecycle::claim::FirstWrite;
use crate::lifecycle::flush;
use crate::lifecycle::lineage::Draft;
use crate::lifecycle::notice::NoticeTiming;
use crate::lifecycle::queue::{NextPrompt, PrecedingTurn};
use crate::lifecycle::title::Pending;
use crate::record::{Kept, Queued, Record};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Session};
use crate::storage::persist;
use crate::storage::reconcile;
use crate::store::{InputId, KeyedAnswer, MessageRow, NewMessage, NewSession, Role, StoreError};
use crate::work::notice;

/// The first prompt of the queue claims the session, in the step in which the turn before it has freed it. If the queue
/// is empty, the outcome of a background job does. Returns the prompt.
pub(crate) fn claim_next(gateway: &Rc<Gateway>, session: &Session, before: PrecedingTurn) -> Option<Queued> {
    let now = gateway.env.now();
    let queued = session.change_with(|record, handles| {
        if record.queue.is_empty() || gateway.behavior.queue.next_prompt(record, before) == NextPrompt::Wait {
            return None;
        }
        let next = record.queue.remove(0);
        handles.claim(record, &next.text, now);
        Some(next)
    });
    let Some(next) = queued else { return notice::claim(gateway, session, NoticeTiming::TurnOver) };
    if let Some(connection) = gateway.behavior.queue.binds(&next) {
        session.change(|record| record.attach(&connection));
    }
    Some(next)
}

/// Where a prompt comes from that is to be stored as a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The accepted input that the message holds from then on.
    pub(crate) taken: Vec<InputId>,
    /// The answer to its request, if that has a key.
    pub(crate) keyed: Option<KeyedAnswer>,
}

impl Origin {
    /// Of a prompt that has waited.
    pub(crate) fn waited(queued: &Queued) -> Self {
        let taken = match &queued.kept {
            Kept::Stored(id) => vec![id.clone()],
            Kept::Memory | Kept::Storing(_) => Vec::new(),
        };
        Self { taken, keyed: None }
    }
}

/// Stores a prompt, with the row if there is none. Some releases store the row alone, and ignore errors.
pub(crate) async fn store(
    gateway: &Gateway,
    session: &Session,
    text: &str,
    origin: Origin,
    now: Now,
) -> Result<(), Error> {
    let refused = |error: StoreError| Error::new(code::STORAGE, format!("the prompt was not accepted: {error}"));
    let first_write = gateway.behavior.claim.first_write();
    if first_write == FirstWrite::RowAndPrompt {
        // Messages that an earlier turn could not store come first, so that the rows stay in order.
        persist::flush(gateway, session, flush::FlushPoint::Asked).await.map_err(refused)?;
    }
    let message = NewMessage::text(Role::User, text, now.wall);
    let (row, count) = session.change(|record| {
        record.transcript.messages.push(message.clone());
        (row_of(gateway, record, now), record.transcript.messages.len())
    });
    legacy::prompt::insert_apart(gateway, session, &row).await;
    if first_write == FirstWrite::RowAndPrompt {
        if let Err(error) = insert(gateway, session, row, vec![message], origin).await {
            session.change(|record| record.transcript.messages.pop());
            return Err(refused(error));
        }
        session.change(|record| record.transcript.mark_stored(count));
    }
    Ok(())
}

/// Stores `messages` in one transaction, with the row if there is none, and before them the messages of a draft.
async fn insert(
    gateway: &Gateway,
    session: &Session,
    row: NewSession,
    mut messages: Vec<NewMessage>,
    origin: Origin,
) -> Result<(), StoreError> {
    let (id, draft) = (row.id.clone(), session.read(|record| record.transcript.draft));
    session.read(|record| drop(messages.splice(..0, record.transcript.messages[..draft].iter().cloned())));
    let written = gateway.rows.start_turn_of(row, messages.clone(), origin.taken, origin.keyed).await;
    let look = || gateway.rows.messages(id.clone());
    reconcile::outcome(gateway, written, look, |rows: &Vec<MessageRow>| reconcile::ends_with(rows, &messages)).await?;
    session.change(|record| record.transcript.draft = 0);
    Ok(())
}

/// Inserts the row and the messages of a draft. The session must be held.
pub(crate) async fn store_draft(gateway: &Gateway, session: &Session) -> Result<(), StoreError> {
    match session.read(|record| gateway.behavior.lineage.waiting_draft(record)) {
        Some(Draft::WithPrompt) => {}
        Some(Draft::OneByOne | Draft::NotStored) | None => return Ok(()),
    }
    let row = session.read(|record| row_of(gateway, record, gateway.env.now()));
    insert(gateway, session, row, Vec::new(), Origin::default()).await
}

/// The row of a session that has none.
pub(crate) fn row_of(gateway: &Gateway, record: &Record, now: Now) -> NewSession {
    NewSession {
        id: record.agent.row.clone(),
        source: record.details.source.clone(),
        model: Some(record.model(&gateway.config.model).to_owned()),
        parent: record.details.branch_of.clone(),
        branched_from: record.details.branch_of.clone(),
        started_at: now.wall,
        cwd: record.details.cwd.clone(),
        title: match gateway.behavior.title.on_pending() {
            Pending::WithRow => record.details.pending_title.clone(),
            Pending::AfterCompleteTurn => None,
        },
    }
}

//! `session.history`, `session.undo`, and the truncation that comes with a prompt.

use std::rc::Rc;

use serde_json::{Value, json};

use super::hold;
use super::session::OfSession;
use crate::lifecycle::history::{self, BusyCut, Undo};
use crate::record::{self, Record};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};
use crate::storage::reconcile;
use crate::store::{MessageRow, StoreError};

/// The messages of the conversation.
pub(super) fn shown(gateway: &Gateway, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    Ok(session.read(|record| {
        let messages = &record.transcript.messages;
        let messages = &messages[..gateway.behavior.history.shown(messages.len())];
        json!({"count": messages.len(), "messages": record::shown(messages)})
    }))
}

/// Removes the last prompt and all that followed it.
pub(super) async fn undo(gateway: &Rc<Gateway>, link: &Link, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    hold::take(gateway, &session)?;
    let (length, kept) =
        session.read(|record| (record.transcript.messages.len(), history::before_last_prompt(&record.transcript)));
    let undone = match gateway.behavior.history.undo() {
        _ if kept == length => Ok(()),
        Undo::RowsToo => cut(gateway, &session, kept).await,
        Undo::MemoryOnly => {
            session.change(|record| forget(record, kept));
            Ok(())
        }
    };
    let next = hold::release(gateway, link, &session);
    hold::go_on(gateway, &session, next).await;
    undone.map(|()| json!({"removed": length - kept}))
}

/// How many messages a prompt leaves that replaces those from the user's message number `ordinal` on; `None` for a prompt
/// that replaces none.
///
/// A session whose turn runs is not truncated.
pub(super) fn kept(gateway: &Gateway, session: &Session, ordinal: Option<&Value>) -> Result<Option<usize>, Error> {
    let Some(ordinal) = ordinal.filter(|ordinal| !ordinal.is_null()) else { return Ok(None) };
    let ordinal = ordinal.as_i64();
    let ordinal =
        ordinal.ok_or_else(|| Error::new(code::BAD_ORDINAL, "truncate_before_user_ordinal must be an integer"))?;
    session.read(|record| {
        let history = &gateway.behavior.history;
        if record.is_running() || record.has_kept() {
            return match history.on_busy() {
                BusyCut::Refused => Err(Error::new(code::BUSY, "session busy")),
                BusyCut::Ignored => Ok(None),
            };
        }
        let kept = history.kept(&record.transcript, ordinal);
        kept.map(Some).ok_or_else(|| Error::new(code::CUT_NOT_FOUND, "the message to replace is not there any more"))
    })
}

/// Removes all but the first `kept` messages, in the rows and in memory. On an error nothing has changed.
pub(super) async fn cut(gateway: &Gateway, session: &Session, kept: usize) -> Result<(), Error> {
    // What a turn has read, and the store has not taken with its messages, is cut off with them.
    let (row, messages, taken) = session.read(|record| {
        let messages = record.transcript.messages.get(..kept);
        let messages = messages.unwrap_or(&record.transcript.messages).to_vec();
        (record.agent.row.clone(), messages, record.taken.clone())
    });
    let replaces = gateway.behavior.history.replaces();
    let replaced = gateway.rows.replace_messages(row.clone(), messages.clone(), replaces, taken.clone()).await;
    let look = || gateway.rows.messages(row.clone());
    let shows = |rows: &Vec<MessageRow>| rows.len() == messages.len() && reconcile::ends_with(rows, &messages);
    match reconcile::outcome(gateway, replaced, look, shows).await {
        // Without a row no message is stored.
        Ok(()) | Err(StoreError::NoSession) => {
            session.change(|record| {
                forget(record, kept);
                record.taken.retain(|id| !taken.contains(id));
                record.transcript.saved = record.transcript.messages.len();
            });
            Ok(())
        }
        Err(error) => Err(Error::new(code::STORAGE, format!("the conversation was not cut: {error}"))),
    }
}

fn forget(record: &mut Record, kept: usize) {
    let transcript = &mut record.transcript;
    transcript.mistaken += transcript.saved.saturating_sub(kept);
    transcript.messages.truncate(kept);
    transcript.saved = transcript.saved.min(transcript.messages.len());
    transcript.loaded = transcript.loaded.min(transcript.messages.len());
    transcript.draft = transcript.draft.min(transcript.messages.len());
    transcript.history = transcript.history.min(transcript.messages.len());
    transcript.version += 1;
}

//! Stores the messages of a transcript that are not stored yet.

use std::future::pending;

use crate::legacy;
use crate::lifecycle::flush::{FlushPoint, LastTries};
use crate::observe::SessionEvent;
use crate::record::Record;
use crate::state::{Gateway, Session};
use crate::storage::reconcile;
use crate::storage::retry::Retry;
use crate::store::{InputId, MessageRow, NewMessage, StoreError, StoredId};

/// How often a session that ends tries to store its last messages, where that is limited.
const LAST_TRIES: u32 = 5;

/// Stores the messages that are not stored yet, if the release does at this point of a turn.
///
/// On an error the messages count as not stored and go with the next call.
pub(crate) async fn flush(gateway: &Gateway, session: &Session, point: FlushPoint) -> Result<(), StoreError> {
    // The last try stores the messages. Two flushes of one session at a time would store them twice.
    if gateway.is_cut_short() {
        return pending().await;
    }
    flush_now(gateway, session, point).await
}

/// The same, also in the last try at the end of the process.
pub(crate) async fn flush_now(gateway: &Gateway, session: &Session, point: FlushPoint) -> Result<(), StoreError> {
    let flush = &gateway.behavior.flush;
    if point == FlushPoint::Start && flush.trusts_history() {
        session.change(|record| {
            record.transcript.mark_stored(record.transcript.history);
            record.transcript.loaded = 0;
        });
    }
    let (row, mut saved, mut unsaved, again) = session.read(|record| {
        let transcript = &record.transcript;
        let again = if flush.stores_loaded(point) { transcript.loaded.min(transcript.messages.len()) } else { 0 };
        // An old release may have truncated the conversation during a flush: then nothing is unsaved.
        let unsaved = transcript.messages.get(transcript.saved..).unwrap_or_default().to_vec();
        (record.agent.row.clone(), transcript.saved, unsaved, transcript.messages[..again].to_vec())
    });
    if !flush.wanted(point) {
        return Ok(());
    }
    for part in flush.parts(again) {
        append_of(gateway, session, &row, part, 0).await?;
    }
    let is_noted = |record: &Record| record.transcript.loaded == 0 && record.transcript.is_marked;
    if point != FlushPoint::Child && !session.read(is_noted) {
        session.change(|record| (record.transcript.loaded, record.transcript.is_marked) = (0, true));
    }
    if unsaved.is_empty() {
        return Ok(());
    }
    let mistaken = legacy::forgotten::mistaken(gateway, session, unsaved.len());
    let all = saved + unsaved.len();
    saved += unsaved.drain(..mistaken).count();
    // Some releases count messages that no row has, and so does a draft.
    let is_exact =
        flush.counts_each() && !flush.trusts_history() && session.read(|record| record.transcript.draft == 0);
    let mut stored = saved;
    for part in flush.parts(unsaved) {
        let before = if is_exact { stored } else { 0 };
        stored += part.len();
        append_of(gateway, session, &row, part, before).await?;
        if flush.counts_each() {
            session.change(|record| record.transcript.mark_stored(stored));
        }
    }
    if !flush.counts_each() {
        session.change(|record| record.transcript.mark_stored(all));
    }
    Ok(())
}

/// Stores the last messages of a session that ends, and tries again until the store takes them: a row that is ended without them
/// looks whole. The end of the process ends the tries.
pub(crate) async fn flush_last(gateway: &Gateway, session: &Session) {
    let (mut tries, mut retry) = (0, Retry::default());
    while let Err(StoreError::NotWritten { .. }) = flush(gateway, session, FlushPoint::Finalize).await {
        tries += 1;
        match gateway.behavior.flush.last_tries() {
            LastTries::UntilStored => {}
            LastTries::Few if tries == LAST_TRIES => break,
            LastTries::Few => {}
        }
        retry.wait(gateway).await;
    }
    let lost = session.read(|record| record.transcript.messages.len().saturating_sub(record.transcript.saved));
    if lost > 0 {
        session.report(SessionEvent::MessagesGivenUp(lost as u64));
    }
}

/// Appends messages to the `before` that the row has, and settles the accepted inputs that they hold.
async fn append_of(
    gateway: &Gateway,
    session: &Session,
    row: &StoredId,
    messages: Vec<NewMessage>,
    before: usize,
) -> Result<(), StoreError> {
    let taken = session.read(|record| record.taken.clone());
    append(gateway, row, before, messages, taken.clone()).await?;
    if !taken.is_empty() {
        session.change(|record| record.taken.retain(|id| !taken.contains(id)));
    }
    Ok(())
}

/// Appends messages in one transaction. A lost answer neither repeats nor loses them. Accepted inputs that the messages hold, those
/// of `taken`, wait no longer. `before` is how many messages the row has, or 0 where that is not known.
pub(crate) async fn append(
    gateway: &Gateway,
    row: &StoredId,
    before: usize,
    messages: Vec<NewMessage>,
    taken: Vec<InputId>,
) -> Result<(), StoreError> {
    let written = gateway.rows.append_taking(row.clone(), messages.clone(), taken).await;
    let look = || gateway.rows.messages(row.clone());
    let shows = |rows: &Vec<MessageRow>| reconcile::follow(rows, before, &messages);
    reconcile::outcome(gateway, written, look, shows).await
}

//! The end of the process before its sessions have ended: one last try, and what is left then.

use std::future::pending;
use std::pin::pin;

use futures_util::future::join_all;

use crate::actor::Actor;
use crate::clock::Millis;
use crate::lifecycle::close::RowEnd;
use crate::lifecycle::flush::FlushPoint;
use crate::lifecycle::process::Late;
use crate::lifecycle::provider::CutBy;
use crate::record::Record;
use crate::state::{Gateway, Session};
use crate::storage::{persist, reconcile};
use crate::store::{NewMessage, StoreError, StoredId};

/// What the end of the process leaves undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Sessions that were not ended in order: a tool runs, or the store refuses.
    pub sessions: usize,
    /// Of their rows, those that stay open. The next start ends them.
    pub rows: usize,
    /// Messages that are in no row.
    pub messages: usize,
}

/// How long the last try may take: after it the process is gone, whatever the store does.
const LAST_TRY_MAX: Millis = Millis::from_secs(1);

/// Carries out `ending`, within `time` if there is a bound, and then tries once more. Returns what is left, if `ending` is late.
pub(crate) async fn end_within(
    gateway: &Gateway,
    ending: impl Future<Output = ()>,
    time: Option<Millis>,
) -> Option<Left> {
    let (env, late) = (&gateway.env, gateway.behavior.shutdown.late());
    let due = time.filter(|_| late != Late::Awaited).map(|time| env.now().uptime + time);
    let over = async {
        match due {
            Some(due) => env.sleep_until(due).await,
            None => pending().await,
        }
    };
    let mut ending = pin!(ending);
    tokio::select! {
        biased; // an end at the last moment is one in time
        () = &mut ending => return None,
        () = over => {}
    }
    if late == Late::Left {
        return Some(left(gateway));
    }
    let given_up = env.now().uptime + LAST_TRY_MAX;
    // The end goes on meanwhile, so that it takes note of a write that has begun. It begins no other.
    tokio::select! {
        biased; // an end at the last moment is one in time
        () = ending => None,
        left = last_try(gateway) => Some(left),
        () = env.sleep_until(given_up) => Some(left(gateway)),
    }
}

/// What is left if nothing more is tried.
fn left(gateway: &Gateway) -> Left {
    let sessions = gateway.sessions.all();
    let messages = sessions.iter().map(unsaved).sum();
    Left { sessions: sessions.len(), rows: sessions.len(), messages }
}

/// Stores the messages of each session and ends its row, once, whatever holds the session.
///
/// Nothing else of the gateway stores messages from here on, and what has begun to is waited for, so that no message is stored twice.
async fn last_try(gateway: &Gateway) -> Left {
    gateway.cut_short();
    let sessions = gateway.sessions.all();
    // Writes are carried out in the order of their calls. This one changes nothing; its answer says that those before it are over.
    let _ = gateway.rows.cancel(StoredId::new("")).await;
    let tries = join_all(sessions.iter().map(|session| one(gateway, session))).await;
    let (rows, messages) = tries
        .into_iter()
        .fold((0, 0), |(rows, messages), (row, unsaved)| (rows + usize::from(row), messages + unsaved));
    Left { sessions: sessions.len(), rows, messages }
}

/// Whether the session's row is left open, and how many messages are not stored.
async fn one(gateway: &Gateway, session: &Session) -> (bool, usize) {
    let stored = match flush(gateway, session).await {
        // A session without a row has no messages of a turn.
        Ok(()) | Err(StoreError::NoSession) => 0,
        Err(_) => unsaved(session),
    };
    let close = &gateway.behavior.close;
    if session.read(|record| close.on_row(&record.details.source)) == RowEnd::Leave {
        return (false, stored);
    }
    let (row, closing) = session.read(|record| (record.agent.row.clone(), closing(gateway, record)));
    if stored == 0 && !closing.is_empty() {
        // If the store refuses them, the next resume closes the calls.
        let _ = gateway.rows.append(row.clone(), closing).await;
    }
    let ended = gateway.rows.end(row, gateway.env.now().wall, close.reason(Actor::Shutdown)).await;
    (ended.is_err(), stored)
}

/// The results of the tool calls that the end of the process cuts off.
fn closing(gateway: &Gateway, record: &Record) -> Vec<NewMessage> {
    gateway.behavior.provider.closing(&record.transcript.messages, CutBy::Process, gateway.env.now().wall)
}

/// Stores what no row has. The answer of an earlier try may not have been read, so the rows say what they have.
async fn flush(gateway: &Gateway, session: &Session) -> Result<(), StoreError> {
    let (row, before, messages) = session.read(|record| {
        let transcript = &record.transcript;
        let unsaved = transcript.messages.get(transcript.saved..).unwrap_or_default().to_vec();
        (record.agent.row.clone(), transcript.saved - transcript.draft.min(transcript.saved), unsaved)
    });
    if messages.is_empty() || reconcile::follow(&gateway.rows.messages(row).await?, before, &messages) {
        return Ok(());
    }
    persist::flush_now(gateway, session, FlushPoint::Finalize).await
}

fn unsaved(session: &Session) -> usize {
    session.read(|record| record.transcript.messages.len().saturating_sub(record.transcript.saved))
}

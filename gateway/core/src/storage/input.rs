//! Accepted inputs: prompts that wait, words to a turn, outcomes of jobs. Each is stored before its request is answered, and
//! deleted in the transaction that stores the message which holds it. A resume carries out those that an earlier process, or
//! an earlier session of the conversation, has left.

use crate::lifecycle::queue::Storage;
use crate::observe::SessionEvent;
use crate::record::{Kept, Queued, SessionStage};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Session};
use crate::storage::reconcile;
use crate::storage::retry::Retry;
use crate::store::{InputId, InputKind, KeyedAnswer, NewInput, StoreError, StoredId};

/// How a new input of the session is kept. The caller adds it to those that wait, then calls [`store`].
pub(crate) fn kept(gateway: &Gateway, session: &Session) -> Kept {
    match gateway.behavior.queue.storage() {
        Storage::Rows => Kept::Storing(gateway.next_input(session)),
        Storage::Memory => Kept::Memory,
    }
}

/// Stores an input that waits already, unless it is kept in memory. On an error it waits no longer.
///
/// Its turn does not begin meanwhile: the caller begins with it then, if the session has become free.
pub(crate) async fn store(
    gateway: &Gateway,
    session: &Session,
    kept: Kept,
    kind: InputKind,
    text: String,
    keyed: Option<KeyedAnswer>,
) -> Result<(), Error> {
    let Kept::Storing(id) = kept else { return Ok(()) };
    let stored = write(gateway, session, &id, kind, text, keyed).await;
    let was_prompt = session.change(|record| record.settle(&id, stored.is_ok()));
    if was_prompt && stored.is_err() {
        session.report(SessionEvent::PromptsEnded(1));
    }
    stored
}

async fn write(
    gateway: &Gateway,
    session: &Session,
    id: &InputId,
    kind: InputKind,
    text: String,
    keyed: Option<KeyedAnswer>,
) -> Result<(), Error> {
    // A rotation passes on what waits when it is carried out: the input is stored before it, or for the child.
    let row = session.until(|record| record.agent.next.is_none().then(|| record.agent.row.clone())).await;
    if session.read(|record| record.stage != SessionStage::Open) {
        return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
    }
    let input = NewInput { id: id.clone(), session: row, kind, text, at: gateway.env.now().wall };
    let written = gateway.rows.accept(input, keyed);
    if gateway.behavior.queue.answers_early() {
        return Ok(());
    }
    let written = written.await;
    let look = || gateway.rows.waits(id.clone());
    let outcome = reconcile::outcome(gateway, written, look, |waits| *waits).await;
    outcome.map_err(|error| Error::new(code::STORAGE, format!("the prompt was not accepted: {error}")))
}

/// Stores the outcome of a job that waits for a turn. One that cannot be stored is kept in memory.
pub(crate) async fn keep_notice(gateway: &Gateway, session: &Session, job: &str, text: String) {
    if gateway.behavior.queue.storage() == Storage::Memory {
        return;
    }
    let row = session.until(|record| record.agent.next.is_none().then(|| record.agent.row.clone())).await;
    let id = gateway.next_input(session);
    // From this step on the turn that takes it deletes it. Writes are carried out in the order of their calls.
    if gateway.notices.keep(session, job, &id) {
        let input = NewInput { id, session: row, kind: InputKind::Notice, text, at: gateway.env.now().wall };
        let _ = gateway.rows.accept(input, None).await;
    }
}

/// The inputs that wait for a row, in the order in which they are carried out: words to a turn come first, as at the end of
/// their turn.
pub(crate) async fn left(gateway: &Gateway, row: &StoredId) -> Result<Vec<Queued>, StoreError> {
    if gateway.behavior.queue.storage() == Storage::Memory {
        return Ok(Vec::new());
    }
    let mut inputs = gateway.rows.inputs(row.clone()).await?;
    inputs.sort_by_key(|input| input.kind != InputKind::Steer);
    let queued = |input: NewInput| Queued { text: input.text, link: None, kept: Kept::Stored(input.id), refusals: 0 };
    Ok(inputs.into_iter().map(queued).collect())
}

/// A client has cancelled what waits for the session: deletes it from the rows.
pub(crate) async fn cancel(gateway: &Gateway, session: &Session) {
    let row = session.read(|record| record.agent.row.clone());
    let mut retry = Retry::default();
    loop {
        match gateway.rows.cancel(row.clone()).await {
            Ok(_) | Err(StoreError::Closed) => return,
            // What is deleted twice is deleted.
            Err(_) => retry.wait(gateway).await,
        }
    }
}

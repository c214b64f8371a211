//! Brings the rows of earlier processes in order.
//!
//! Halves of rotations are repaired before the first client is served: a row that a compression has ended and that no row
//! continues is open again. A row of this gateway's clients that is open at its start is an orphan. Its client has a grace to
//! come back; then its open tool calls get their results and the row is ended. Rows of other programs on the same database stay
//! as they are: those may be using them.
//!
//! Each repair is a transaction, and is made only where the rows need it. So a start that is cut off leaves the rest to the next.

use std::rc::Rc;

use crate::clock::Millis;
use crate::lifecycle::close::{RowEnd, is_of_another_program};
use crate::lifecycle::process::{Calls, Halves, Sweep};
use crate::lifecycle::provider::CutBy;
use crate::spawn::{TaskName, TaskRole};
use crate::state::Gateway;
use crate::storage::retry::Retry;
use crate::store::{Left, NewMessage, Placed, Role, SessionRow, StoreError, StoredId};

/// Repairs halves of rotations, and starts the sweep of orphans.
pub(crate) async fn recover(gateway: &Rc<Gateway>) {
    // A grace of zero keeps orphans for ever, and a repaired row is an orphan.
    if gateway.behavior.startup.sweep() == Sweep::None || gateway.config.orphan_grace == Millis::ZERO {
        return;
    }
    let found = repaired(gateway).await;
    if matches!(&found, Ok(Some(orphans)) if orphans.is_empty()) {
        return;
    }
    let sweeping = Rc::clone(gateway);
    gateway.env.spawn(TaskName::gateway(TaskRole::Sweep), async move {
        // Clients do not wait for a database that cannot be read or written now. Rows that they open meanwhile have an owner
        // or an end by the time the sweep comes to them.
        let orphans = match found {
            Ok(Some(orphans)) => orphans,
            Ok(None) | Err(_) => until_repaired(&sweeping).await,
        };
        sweeping.env.sleep(sweeping.config.orphan_grace).await;
        for row in orphans.into_iter().filter(|row| is_swept(&sweeping, row)) {
            end(&sweeping, &row).await;
        }
    });
}

/// Repairs the halves of rotations, and returns the rows that are open then. `None` if a session has one of them now: it may fail to
/// reopen it, so the repair has to be repeated, which is safe.
async fn repaired(gateway: &Gateway) -> Result<Option<Vec<SessionRow>>, StoreError> {
    let Left { mut open, halves } = gateway.rows.left().await?;
    if gateway.behavior.startup.halves() == Halves::Left {
        return Ok(Some(open));
    }
    let mut is_whole = true;
    for half in halves.into_iter().filter(|half| is_ours(gateway, half)) {
        // A client that resumes it from here on finds the row repaired.
        if gateway.sessions.owner_of(&half.id).is_some() {
            is_whole = false;
            continue;
        }
        gateway.rows.reopen(half.id.clone()).await?;
        open.push(half);
    }
    Ok(is_whole.then_some(open))
}

/// The same, repeated until it is carried out whole. Nothing is open in a store that is closed.
async fn until_repaired(gateway: &Gateway) -> Vec<SessionRow> {
    let mut retry = Retry::default();
    loop {
        retry.wait(gateway).await;
        match repaired(gateway).await {
            Ok(Some(orphans)) => return orphans,
            Err(StoreError::Closed) => return Vec::new(),
            Ok(None) | Err(_) => {}
        }
    }
}

fn is_ours(gateway: &Gateway, row: &SessionRow) -> bool {
    gateway.behavior.close.on_row(&row.source) == RowEnd::End && !is_of_another_program(&row.source)
}

fn is_swept(gateway: &Gateway, row: &SessionRow) -> bool {
    match gateway.behavior.startup.sweep() {
        Sweep::EverySource => gateway.behavior.close.on_row(&row.source) == RowEnd::End,
        Sweep::AfterGrace | Sweep::None => is_ours(gateway, row),
    }
}

/// Ends an orphan, after its open calls have got their results, unless a client comes back. A resume registers its record before it
/// reopens the row, so either the record is found here, or the row is reopened after this end.
async fn end(gateway: &Gateway, row: &SessionRow) {
    let is_orphan = || gateway.sessions.owner_of(&row.id).is_none();
    let mut retry = Retry::default();
    while is_orphan() {
        let ended = match closing(gateway, row).await {
            Ok(_) if !is_orphan() => return,
            Ok(closing) => gateway.rows.end_orphan(row.id.clone(), gateway.env.now().wall, closing).await.map(drop),
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) | Err(StoreError::Closed) => return,
            // It ends the row only if that is open, so a second try is safe also when the answer was lost.
            Err(_) => retry.wait(gateway).await,
        }
    }
}

/// The results of an orphan's tool calls that have none.
async fn closing(gateway: &Gateway, row: &SessionRow) -> Result<Vec<Placed>, StoreError> {
    let calls = gateway.behavior.startup.calls();
    if calls == Calls::Left || row.tool_call_count == 0 {
        return Ok(Vec::new());
    }
    let messages = messages(gateway, &row.id).await?;
    let (provider, at) = (&gateway.behavior.provider, gateway.env.now().wall);
    Ok(match calls {
        Calls::Closed | Calls::Left => provider.closing_all(&messages, at),
        Calls::ClosedAgain => {
            let again = provider.closing(without_results(&messages), CutBy::Process, at);
            again.into_iter().map(|message| Placed { before: messages.len(), message }).collect()
        }
    })
}

async fn messages(gateway: &Gateway, row: &StoredId) -> Result<Vec<NewMessage>, StoreError> {
    Ok(gateway.rows.messages(row.clone()).await?.into_iter().map(|row| row.message).collect())
}

fn without_results(messages: &[NewMessage]) -> &[NewMessage] {
    let end = messages.iter().rposition(|message| message.role != Role::Tool).map_or(0, |last| last + 1);
    &messages[..end]
}

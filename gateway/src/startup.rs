//! What an earlier process left behind: rows that are open, though nobody serves them any more.
//!
//! A gateway owns its database, so every row that is open at its start is an orphan. Its client has a grace to come
//! back; then the row is ended.

use std::rc::Rc;

use crate::clock::Millis;
use crate::finalize;
use crate::server::Gateway;
use crate::spawn::TaskName;
use crate::store::{EndReason, SessionRow, StoreError, StoredId};

/// Starts the sweep, unless there is nothing to sweep or the grace is switched off.
pub(crate) async fn sweep(gateway: &Rc<Gateway>) {
    let grace = gateway.config.orphan_grace;
    if !gateway.behavior.startup.sweeps() || grace == Millis::ZERO {
        return;
    }
    // Without an answer there is nothing to go by; the next start looks again.
    let Ok(open) = gateway.rows.open().await else { return };
    let ours = |row: &SessionRow| gateway.behavior.close.ends_row(&row.source);
    let open: Vec<StoredId> = open.into_iter().filter(ours).map(|row| row.id).collect();
    if open.is_empty() {
        return;
    }
    let sweeping = Rc::clone(gateway);
    gateway.env.spawn(TaskName::gateway("sweep"), async move {
        sweeping.env.sleep(grace).await;
        for row in open {
            end(&sweeping, row).await;
        }
    });
}

async fn end(gateway: &Gateway, row: StoredId) {
    // Looked at before each try: a client may have come back meanwhile. A resume registers its record before it opens
    // the row, so either it is seen here, or it opens the row after this end.
    while gateway.sessions.owner_of(&row).is_none() {
        match gateway.rows.end(row.clone(), gateway.env.now().wall, EndReason::StartupOrphanReap).await {
            Ok(_) | Err(StoreError::Closed) => return,
            Err(_) => gateway.env.sleep(finalize::RETRY).await,
        }
    }
}

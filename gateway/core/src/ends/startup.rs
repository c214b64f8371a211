//! Ends the rows that an earlier process left open.
//!
//! A row of this gateway's clients that is open at its start is an orphan. Its client has a grace to come back; then the row is
//! ended. Rows of other programs on the same database stay open: those may be using them.

use std::rc::Rc;

use crate::clock::Millis;
use crate::lifecycle::close::{RowEnd, is_of_another_program};
use crate::lifecycle::process::Sweep;
use crate::spawn::{TaskName, TaskRole};
use crate::state::Gateway;
use crate::storage::reconcile;
use crate::store::{EndReason, SessionRow, StoreError, StoredId};

/// Starts the sweep, unless no row is open or the grace is zero.
pub(crate) async fn sweep(gateway: &Rc<Gateway>) {
    let grace = gateway.config.orphan_grace;
    if gateway.behavior.startup.sweep() == Sweep::None || grace == Millis::ZERO {
        return;
    }
    let found = gateway.rows.open().await;
    if found.as_ref().is_ok_and(Vec::is_empty) {
        return;
    }
    let sweeping = Rc::clone(gateway);
    gateway.env.spawn(TaskName::gateway(TaskRole::Sweep), async move {
        // Clients do not wait for a database that cannot be read now. Rows that they open meanwhile have an owner or an
        // end by the time the sweep comes to them.
        let found = match found {
            Err(error) if error != StoreError::Closed => reconcile::read(&sweeping, || sweeping.rows.open()).await,
            found => found,
        };
        let open: Vec<SessionRow> = found.unwrap_or_default();
        sweeping.env.sleep(grace).await;
        for row in open.into_iter().filter(|row| is_ours(&sweeping, row)) {
            end(&sweeping, row.id).await;
        }
    });
}

fn is_ours(gateway: &Gateway, row: &SessionRow) -> bool {
    gateway.behavior.close.on_row(&row.source) == RowEnd::End
        && (gateway.behavior.startup.sweep() == Sweep::EverySource || !is_of_another_program(&row.source))
}

async fn end(gateway: &Gateway, row: StoredId) {
    // Checked before each try: a client may have come back meanwhile. A resume registers its record before it reopens the
    // row, so either the record is found here, or the row is reopened after this end.
    while gateway.sessions.owner_of(&row).is_none() {
        match gateway.rows.end(row.clone(), gateway.env.now().wall, EndReason::StartupOrphanReap).await {
            Ok(_) | Err(StoreError::Closed) => return,
            Err(_) => gateway.env.sleep(reconcile::RETRY).await,
        }
    }
}

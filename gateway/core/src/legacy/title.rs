//! Titles of old releases: one that waits is stored after a turn that completes, and not with the row.

use crate::lifecycle::title::Pending;
use crate::record::Record;
use crate::state::{Gateway, Session};
use crate::store::{StoreError, StoredId};

/// Stores the title that waits, after a turn that has completed. One that another row has is dropped; after any other failure
/// it waits for the next turn.
pub(crate) async fn apply(gateway: &Gateway, session: &Session) {
    if gateway.behavior.title.on_pending() == Pending::WithRow {
        return;
    }
    let (key, waiting) = session.read(|record| (record.key.clone(), record.details.pending_title.clone()));
    let Some(title) = waiting else { return };
    match gateway.rows.set_title(key, title).await {
        Ok(true) | Err(StoreError::TitleTaken) => session.change(|record| record.details.pending_title = None),
        Ok(false) | Err(_) => {}
    }
}

/// A compression that a client asked for has given the session another row: the title that waits is forgotten.
pub(crate) fn forget(gateway: &Gateway, session: &Session, before: &StoredId) {
    if gateway.behavior.title.on_pending() == Pending::AfterCompleteTurn && session.read(|record| record.key != *before)
    {
        session.change(|record| record.details.pending_title = None);
    }
}

/// The row that a title is given to: the key, which may lag behind the row that the agent writes (S23).
pub(crate) fn titled_row(gateway: &Gateway, record: &Record) -> StoredId {
    match gateway.behavior.rotation.syncs_key_at_once() {
        true => record.agent.row.clone(),
        false => record.key.clone(),
    }
}

//! The model of a session: another one, for which a resume asks.

use crate::record::{Record, SessionStage};
use crate::state::{Gateway, Session};
use crate::storage::reconcile;
use crate::store::{SessionRow, StoreError, StoredId};

/// Gives a live session another model, and its row if it has one. False if the session is being ended: nothing was changed.
/// An error leaves the model as it was.
pub(crate) async fn change(gateway: &Gateway, session: &Session, model: &str) -> Result<bool, StoreError> {
    // A rotation under way gives the session another row, which would have the model of before. Another change may fail, and
    // restores the model that it found.
    let is_free = |record: &Record| record.agent.next.is_none() && !record.details.is_changing_model;
    session.until(|record| is_free(record).then_some(())).await;
    if session.read(|record| matches!(record.stage, SessionStage::Closing | SessionStage::Finalized)) {
        return Ok(false);
    }
    // Noted before the call: a prompt that inserts the row meanwhile inserts it with this model. A later end ends the row
    // after it is changed.
    let (row, before) = session.change(|record| {
        record.details.is_changing_model = true;
        (record.agent.row.clone(), record.details.model.replace(model.to_owned()))
    });
    let stored = store(gateway, &row, model).await;
    session.change(|record| record.details.is_changing_model = false);
    if stored.is_err() {
        session.change(|record| {
            // A later model stands, and so does this one if a rotation has taken it along.
            if record.details.model.as_deref() == Some(model) && record.agent.row == row && record.agent.next.is_none()
            {
                record.details.model = before;
            }
        });
    }
    stored.map(|()| true)
}

/// Sets the model of a row, if there is one.
pub(crate) async fn store(gateway: &Gateway, row: &StoredId, model: &str) -> Result<(), StoreError> {
    gateway.model_change_begins(row);
    let set = gateway.rows.set_model(row.clone(), model.to_owned()).await;
    gateway.model_change_ends(row);
    let shows = |row: &Option<SessionRow>| row.as_ref().is_none_or(|row| row.model.as_deref() == Some(model));
    reconcile::outcome(gateway, set, || gateway.rows.session(row.clone()), shows).await
}

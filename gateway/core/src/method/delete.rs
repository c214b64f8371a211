//! `session.delete`: a stored session is deleted for good.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::lifecycle::lineage::Deletion;
use crate::record::Record;
use crate::rpc::{Error, code};
use crate::state::Gateway;
use crate::store::{StoreError, StoredId};

#[derive(Deserialize)]
pub(super) struct Delete {
    session_id: Option<String>,
}

/// Deletes the row and its messages, unless a live session uses it.
pub(super) async fn delete(gateway: &Rc<Gateway>, params: Delete) -> Result<Value, Error> {
    let asked = params.session_id.filter(|id| !id.is_empty());
    let asked = asked.ok_or_else(|| Error::new(code::SESSION_ID_REQUIRED, "session_id required"))?;
    let row = StoredId::new(asked.as_str());
    // The check and the call are one step: a session that comes to own the row later finds it deleted.
    let refuses = |record: &Record| gateway.behavior.lineage.on_delete(record, &row) == Deletion::Refuse;
    if gateway.sessions.find_owner(&row, refuses).is_some() {
        return Err(Error::new(code::SESSION_ACTIVE, "cannot delete an active session"));
    }
    match gateway.rows.delete(row).await {
        Ok(true) => Ok(json!({"deleted": asked})),
        Ok(false) => Err(Error::new(code::STORED_NOT_FOUND, format!("stored session not found: {asked}"))),
        Err(StoreError::Unknown { cause }) => {
            Err(Error::passing(code::DELETE_FAILED, format!("unknown whether it was deleted: {cause}")))
        }
        Err(error) => Err(Error::new(code::DELETE_FAILED, format!("delete failed: {error}"))),
    }
}

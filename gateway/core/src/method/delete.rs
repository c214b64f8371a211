//! `session.delete`: a stored conversation is deleted for good.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::lifecycle::lineage::{Deletes, Deletion};
use crate::record::Record;
use crate::rpc::{Error, code};
use crate::state::Gateway;
use crate::store::{StoreError, StoredId};

/// How often a deletion begins anew because the conversation has got another row meanwhile.
const TRIES_MAX: u32 = 100;

#[derive(Deserialize)]
pub(super) struct Delete {
    session_id: Option<String>,
}

/// Deletes the conversation of a row with its messages, unless a live session uses one of its rows.
pub(super) async fn delete(gateway: &Rc<Gateway>, params: Delete) -> Result<Value, Error> {
    let asked = params.session_id.filter(|id| !id.is_empty());
    let asked = asked.ok_or_else(|| Error::new(code::SESSION_ID_REQUIRED, "session_id required"))?;
    let row = StoredId::new(asked.as_str());
    let deleted = match gateway.behavior.lineage.deletes() {
        Deletes::Conversation => conversation(gateway, &row).await?,
        Deletes::Row | Deletes::RowUnlessKey => {
            refuse_in_use(gateway, std::slice::from_ref(&row))?;
            gateway.rows.delete(row).await.map_err(failed)?
        }
    };
    match deleted {
        true => Ok(json!({"deleted": asked})),
        false => Err(Error::new(code::STORED_NOT_FOUND, format!("stored session not found: {asked}"))),
    }
}

/// Deletes the rows that compressions have linked with `row`. False if there is no such row.
async fn conversation(gateway: &Gateway, row: &StoredId) -> Result<bool, Error> {
    // A draft has no row yet, but its session is live.
    refuse_in_use(gateway, std::slice::from_ref(row))?;
    for _ in 0..TRIES_MAX {
        let rows = gateway.rows.chain(row.clone()).await.map_err(failed)?;
        if rows.is_empty() {
            return Ok(false);
        }
        refuse_in_use(gateway, &rows)?;
        if gateway.rows.delete_chain(row.clone(), rows).await.map_err(failed)? {
            return Ok(true);
        }
    }
    Err(Error::passing(code::DELETE_FAILED, "the session keeps moving on, retry"))
}

/// Fails if a live session uses one of the rows. The caller makes the call to the store in the same step: a session that comes
/// to own a row later finds it deleted.
fn refuse_in_use(gateway: &Gateway, rows: &[StoredId]) -> Result<(), Error> {
    let is_used = |row: &StoredId| {
        let refuses = |record: &Record| gateway.behavior.lineage.on_delete(record, row) == Deletion::Refuse;
        gateway.sessions.find_owner(row, refuses).is_some()
    };
    match rows.iter().any(is_used) {
        true => Err(Error::new(code::SESSION_ACTIVE, "cannot delete an active session")),
        false => Ok(()),
    }
}

fn failed(error: StoreError) -> Error {
    match error {
        StoreError::Unknown { cause } => {
            Error::passing(code::DELETE_FAILED, format!("unknown whether it was deleted: {cause}"))
        }
        error => Error::new(code::DELETE_FAILED, format!("delete failed: {error}")),
    }
}

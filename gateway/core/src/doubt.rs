//! Answers that were lost: whether the write was carried out is looked up in the rows.

use crate::clock::Millis;
use crate::state::Gateway;
use crate::store::{MessageRow, NewMessage, Pending, StoreError};

/// How long to wait before a call that the store could not carry out is repeated.
pub(crate) const RETRY: Millis = Millis::from_secs(1);

/// What a write has come to. If that is unknown, `look` asks the rows and `shows` says whether they have it.
pub(crate) async fn settle<T, F>(
    gateway: &Gateway,
    written: Result<T, StoreError>,
    look: impl Fn() -> Pending<F>,
    shows: impl FnOnce(&F) -> bool,
) -> Result<(), StoreError> {
    let cause = match written {
        Err(StoreError::Unknown { cause }) => cause,
        known => return known.map(drop),
    };
    let found = ask(gateway, look).await?;
    if shows(&found) { Ok(()) } else { Err(StoreError::NotWritten { cause }) }
}

/// Asks until there is an answer. Only a store that is closed gives none.
pub(crate) async fn ask<F>(gateway: &Gateway, look: impl Fn() -> Pending<F>) -> Result<F, StoreError> {
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(StoreError::Closed) => return Err(StoreError::Closed),
            Err(_) => gateway.env.sleep(RETRY).await,
        }
    }
}

/// Whether these messages are the last ones of `rows`.
pub(crate) fn ends_with(rows: &[MessageRow], messages: &[NewMessage]) -> bool {
    let last = rows.len().checked_sub(messages.len()).map(|first| &rows[first..]);
    last.is_some_and(|last| last.iter().map(|row| &row.message).eq(messages))
}

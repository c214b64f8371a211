//! Finds out whether a write was carried out whose answer was lost ([`StoreError::Unknown`]), by reading the rows.

use crate::state::Gateway;
use crate::storage::retry::Retry;
use crate::store::{MessageRow, NewMessage, Pending, StoreError};

/// The outcome of a write. If the answer was lost, `look` reads the rows and `shows` says whether they have the write.
///
/// `Err` means that nothing was written, or that the store is closed.
pub(crate) async fn outcome<T, F>(
    gateway: &Gateway,
    written: Result<T, StoreError>,
    look: impl Fn() -> Pending<F>,
    shows: impl FnOnce(&F) -> bool,
) -> Result<(), StoreError> {
    let cause = match written {
        Err(StoreError::Unknown { .. }) if gateway.behavior.flush.trusts_unknown() => return Ok(()),
        Err(StoreError::Unknown { cause }) => cause,
        known => return known.map(drop),
    };
    let found = read(gateway, look).await?;
    if shows(&found) { Ok(()) } else { Err(StoreError::NotWritten { cause }) }
}

/// Reads until there is an answer. Fails only when the store is closed.
pub(crate) async fn read<F>(gateway: &Gateway, look: impl Fn() -> Pending<F>) -> Result<F, StoreError> {
    let mut retry = Retry::default();
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(StoreError::Closed) => return Err(StoreError::Closed),
            Err(_) => retry.wait(gateway).await,
        }
    }
}

/// Whether these messages follow the `before` that a row had: of two equal messages the first is no sign that the second is stored.
pub(crate) fn follow(rows: &[MessageRow], before: usize, messages: &[NewMessage]) -> bool {
    rows.len() >= before + messages.len() && ends_with(rows, messages)
}

/// Whether the last of `rows` are these messages.
pub(crate) fn ends_with(rows: &[MessageRow], messages: &[NewMessage]) -> bool {
    let last = rows.len().checked_sub(messages.len()).map(|first| &rows[first..]);
    last.is_some_and(|last| last.iter().map(|row| &row.message).eq(messages))
}

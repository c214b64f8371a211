//! What old releases count in the answer to a resume: the messages of the earlier rows of the chain too.

use crate::record::Record;
use crate::state::Gateway;
use crate::store::{NewMessage, StoreError, StoredId};

/// The longest chain that old releases follow, in rows.
const ROWS_MAX: usize = 100;

/// The messages of the rows that `row` continues or is a branch of, oldest first.
pub(crate) async fn earlier(gateway: &Gateway, row: &StoredId) -> Result<Vec<NewMessage>, StoreError> {
    let mut chain = vec![row.clone()];
    while chain.len() < ROWS_MAX {
        let last = gateway.rows.session(chain[chain.len() - 1].clone()).await?;
        match last.and_then(|row| row.parent) {
            Some(parent) if !chain.contains(&parent) => chain.push(parent),
            _ => break,
        }
    }
    let mut messages = Vec::new();
    for row in chain.drain(1..).rev() {
        messages.extend(gateway.rows.messages(row).await?.into_iter().map(|row| row.message));
    }
    Ok(messages)
}

/// The `message_count` of an answer that covers the chain. `shown_before` is the number of shown messages in earlier rows;
/// `None` if the session was live.
pub(crate) fn message_count(record: &Record, shown_before: Option<usize>) -> usize {
    match (shown_before, &record.turn) {
        (Some(before), _) => before + record.transcript.shown().len(),
        (None, Some(turn)) => record.details.earlier + turn.began_with,
        (None, None) => record.details.earlier + record.transcript.messages.len(),
    }
}

//! Storing what a transcript holds beyond what is stored already.

use crate::lifecycle::flush::Moment;
use crate::server::Gateway;
use crate::session::{Session, Transcript};
use crate::store::StoreError;

/// Stores the messages that are not stored yet, if this is a moment for it.
///
/// On an error the messages count as not stored and go with the next call.
pub(crate) async fn flush(gateway: &Gateway, session: &Session, moment: Moment) -> Result<(), StoreError> {
    let flush = &gateway.behavior.flush;
    let (row, unsaved, count) = session.read(|record| {
        let Transcript { messages, saved, .. } = &record.transcript;
        (record.agent.row.clone(), messages[*saved..].to_vec(), messages.len())
    });
    if !flush.wanted(moment) || unsaved.is_empty() {
        return Ok(());
    }
    if flush.in_one_transaction() {
        gateway.rows.append(row, unsaved).await?;
    } else {
        for message in unsaved {
            gateway.rows.append(row.clone(), vec![message]).await?;
        }
    }
    session.change(|record| record.transcript.mark_stored(count));
    Ok(())
}

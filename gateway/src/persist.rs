//! Storing what a transcript holds beyond what is stored already.

use crate::lifecycle::flush::Moment;
use crate::server::Gateway;
use crate::session::Session;
use crate::store::StoreError;

/// Stores the messages that are not stored yet, if this is a moment for it.
///
/// On an error the messages count as not stored and go with the next call.
pub(crate) async fn flush(gateway: &Gateway, session: &Session, moment: Moment) -> Result<(), StoreError> {
    let flush = &gateway.behavior.flush;
    let (row, unsaved) = session.read(|record| {
        let transcript = &record.transcript;
        // An old release may have cut the conversation while a flush of it was under way: then nothing is unsaved.
        (record.agent.row.clone(), transcript.messages.get(transcript.saved..).unwrap_or_default().to_vec())
    });
    if !flush.wanted(moment) || unsaved.is_empty() {
        return Ok(());
    }
    let count = unsaved.len();
    if flush.in_one_transaction() {
        gateway.rows.append(row, unsaved).await?;
    } else {
        for message in unsaved {
            gateway.rows.append(row.clone(), vec![message]).await?;
        }
    }
    session.change(|record| record.transcript.saved += count);
    Ok(())
}

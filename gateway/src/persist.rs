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
    let (row, unsaved, again) = session.read(|record| {
        let transcript = &record.transcript;
        let again = if flush.stores_loaded(moment) { transcript.loaded.min(transcript.messages.len()) } else { 0 };
        // An old release may have cut the conversation while a flush of it was under way: then nothing is unsaved.
        let unsaved = transcript.messages.get(transcript.saved..).unwrap_or_default();
        let unsaved = transcript.messages.iter().take(again).chain(unsaved);
        (record.agent.row.clone(), unsaved.cloned().collect::<Vec<_>>(), again)
    });
    if !flush.wanted(moment) || unsaved.is_empty() {
        return Ok(());
    }
    let count = unsaved.len() - again;
    if flush.in_one_transaction() {
        gateway.rows.append(row, unsaved).await?;
    } else {
        for message in unsaved {
            gateway.rows.append(row.clone(), vec![message]).await?;
        }
    }
    session.change(|record| {
        record.transcript.saved += count;
        record.transcript.loaded = record.transcript.loaded.saturating_sub(again);
    });
    Ok(())
}

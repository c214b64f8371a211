//! `session.status` and `session.usage`.

use serde_json::{Value, json};

use super::session::OfSession;
use crate::rpc::Error;
use crate::state::Gateway;
use crate::store::{NewMessage, Role};

/// The status of a live session.
pub(super) fn status(gateway: &Gateway, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    Ok(session.read(|record| {
        json!({
            "session_id": session.id().as_str(),
            "session_key": record.key.as_str(),
            "model": record.model(&gateway.config.model),
            "status": gateway.behavior.approval.status(record),
            "running": record.is_running(),
            "attached": record.attachment.connection().is_some(),
            "queued": record.queue.len(),
            "message_count": record.transcript.messages.len(),
            "started_at": record.details.started_at.as_seconds(),
            "last_active": record.details.last_active.wall.as_seconds(),
        })
    }))
}

/// Its use of model and tools, counted from the conversation. No agent reports tokens.
pub(super) fn usage(gateway: &Gateway, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    Ok(session.read(|record| {
        let messages = &record.transcript.messages;
        json!({
            "model": record.model(&gateway.config.model),
            "calls": messages.iter().filter(|message| message.role == Role::Assistant).count(),
            "tool_calls": messages.iter().map(NewMessage::calls).sum::<u64>(),
            "messages": messages.len(),
        })
    }))
}

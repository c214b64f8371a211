//! Compression by size: a turn whose conversation is long begins with a compression.

use std::rc::Rc;

use serde_json::json;

use crate::agent::{Agent, CompressionMode, Interrupt};
use crate::state::{Gateway, Session};
use crate::storage::rotation;
use crate::work::silence;

/// A shorter conversation is not compressed: the summary and the prompt are as long.
const MESSAGES_MIN: usize = 2;

/// Compresses the conversation if it has more messages than `compress_above`, the prompt of the turn included, which is kept.
///
/// The turn goes on without a compression if there is no summary, or the store refuses the rows.
pub(crate) async fn compress(gateway: &Gateway, session: &Session, agent: &Rc<dyn Agent>, interrupt: &Interrupt) {
    let above = gateway.config.compress_above as usize;
    let length = session.read(|record| record.transcript.messages.len());
    if above == 0 || length <= above.max(MESSAGES_MIN) {
        return;
    }
    session.begin_compression();
    silence::ends(gateway, session);
    let summary = agent.compress(interrupt).await;
    silence::ends(gateway, session);
    session.change(|record| record.note_compressing(false));
    let Ok(summary) = summary else { return };
    if interrupt.is_raised() {
        return;
    }
    if let Err(error) = rotation::compress(gateway, session, CompressionMode::Default, summary).await {
        session.emit("status.update", json!({"kind": "status", "text": format!("not stored: {error}")}));
    }
}

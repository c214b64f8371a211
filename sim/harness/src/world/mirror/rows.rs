//! Session rows: how one begins, and the write of several parts.

use gateway_core::store::{EndReason, NewSession, SessionRow, StoredId, Write, Written};

/// The row of a session that is inserted, without messages.
pub(super) fn begun(session: &NewSession, parent: Option<StoredId>, title: Option<String>) -> SessionRow {
    SessionRow {
        id: session.id.clone(),
        source: session.source.clone(),
        parent,
        started_at: session.started_at,
        ended_at: None,
        end_reason: None,
        message_count: 0,
        tool_call_count: 0,
        title,
        cwd: session.cwd.clone(),
        model: session.model.clone(),
        branched_from: session.branched_from.clone(),
    }
}

/// The end of an orphan as the two writes that it is made of, none if its row was not open; `None` for any other write.
pub(super) fn parts(write: &Write, written: &Written) -> Option<Vec<Write>> {
    let Write::EndOrphan { session, at, messages } = write else { return None };
    let append = Write::Append { session: session.clone(), messages: messages.clone(), taken: Vec::new() };
    let end = Write::End { session: session.clone(), at: *at, reason: EndReason::StartupOrphanReap };
    let parts = (!messages.is_empty()).then_some(append).into_iter().chain([end]);
    Some(parts.filter(|_| written.changed > 0).collect())
}

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

/// The end of an orphan as the writes that it is made of, none if its row was not open; `None` for any other write. The first
/// is that end with the results alone that come before another of the `active` messages.
pub(super) fn parts(write: &Write, written: &Written, active: impl Fn(&StoredId) -> usize) -> Option<Vec<Write>> {
    let Write::EndOrphan { session, at, results } = write else { return None };
    let (between, last): (Vec<_>, Vec<_>) = results.iter().cloned().partition(|one| one.before < active(session));
    let last: Vec<_> = last.into_iter().map(|placed| placed.message).collect();
    let inserted =
        (!between.is_empty()).then(|| Write::EndOrphan { session: session.clone(), at: *at, results: between });
    let appended =
        (!last.is_empty()).then(|| Write::Append { session: session.clone(), messages: last, taken: Vec::new() });
    let end = Write::End { session: session.clone(), at: *at, reason: EndReason::StartupOrphanReap };
    let parts = inserted.into_iter().chain(appended).chain([end]);
    Some(parts.filter(|_| written.changed > 0).collect())
}

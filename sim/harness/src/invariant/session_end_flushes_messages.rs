//! A session that ends has stored its messages (A13 of the catalogue): messages that the store refused before are written again,
//! and only a store that keeps refusing them excuses a loss.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "session_end_flushes_messages",
    about: "a session that ends after the last injected fault of the store has stored all of its messages",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    let ended = view.events.end(session.id())?;
    session.read(|record| {
        if record.stage != SessionStage::Finalized {
            return None;
        }
        let left = record.transcript.messages.len().saturating_sub(record.transcript.saved);
        // A turn that an old release leaves running stores its messages itself. A deleted row takes none.
        let excused = record.is_running() || view.rows.row(&record.agent.row).is_none();
        if left == 0 || excused || view.store.last_fault_at.is_some_and(|fault_at| ended.at <= fault_at) {
            return None;
        }
        let session = view.names.label(session.id());
        let row = view.rows.alias(&record.agent.row);
        let detail = format!("session {session} has ended, but {left} of its messages are not in its row {row}");
        Some(Breach { subject: session, detail })
    })
}

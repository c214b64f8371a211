//! Between turns, the rows hold the conversation (prefix durability, design §5; A18 and 5.11 of the specification): otherwise a
//! resume loads another conversation than the one that the client sees.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "memory_equals_rows",
    about: "while no turn runs, the messages in memory equal the messages in the rows",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.live.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    session.read(|record| {
        // A deleted row takes its messages with it. That its session is still live is another claim's.
        if record.stage != SessionStage::Open || record.is_running() || view.rows.was_deleted(&record.agent.row) {
            return None;
        }
        // A draft begins with messages, and has no row before its first prompt.
        if record.transcript.draft > 0 && view.rows.row(&record.agent.row).is_none() {
            return None;
        }
        // Messages that the store has refused are written with the next flush.
        if view.store.faults > 0 && record.transcript.saved < record.transcript.messages.len() {
            return None;
        }
        let (memory, rows) = (&record.transcript.messages, view.rows.messages(&record.agent.row));
        if memory.as_slice() == rows {
            return None;
        }
        let session = view.names.label(session.id());
        let detail = format!(
            "session {session} has {} messages in memory and no turn, its row {} holds {} that differ",
            memory.len(),
            view.rows.alias(&record.agent.row),
            rows.len()
        );
        Some(Breach { subject: session, detail })
    })
}

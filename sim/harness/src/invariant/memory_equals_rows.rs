//! Between turns, the rows hold the conversation (prefix durability, design §5; A18 and 5.11 of the specification): otherwise a
//! resume loads another conversation than the one that the client sees.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::NewMessage;

use super::{Case, Cases, Claim, Excuse, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "memory_equals_rows",
    about: "while no turn runs, the messages in memory equal the messages in the rows",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.changed_live() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    session.read(|record| {
        // A deleted row takes its messages with it. That its session is still live is another claim's.
        if record.stage != SessionStage::Open || record.is_running() || view.rows.was_deleted(&record.agent.row) {
            return Case::NotConcerned;
        }
        // A draft begins with messages, and has no row before its first prompt.
        if record.transcript.draft > 0 && view.rows.row(&record.agent.row).is_none() {
            return Case::NotConcerned;
        }
        let (memory, rows) = (&record.transcript.messages, view.rows.messages(&record.agent.row));
        if memory.as_slice() == rows {
            return Case::Held;
        }
        // Messages that the store has refused are written with the next flush.
        let refused = view.rows.refused(&record.agent.row);
        let is_refused = |message: &NewMessage| refused.iter().any(|refused| refused.message == *message);
        let waits = || refused.iter().any(|refused| refused.is_last) && memory.starts_with(rows);
        if waits() || !refused.is_empty() && memory.iter().filter(|message| !is_refused(message)).eq(rows) {
            return Case::Excused(Excuse::WriteRefused);
        }
        let session = view.names.label(session.id());
        let detail = format!(
            "session {session} has {} messages in memory and no turn, its row {} holds {} that differ",
            memory.len(),
            view.rows.alias(&record.agent.row),
            rows.len()
        );
        Case::failed(session, detail)
    })
}

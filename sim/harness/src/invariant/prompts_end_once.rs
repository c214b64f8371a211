//! Every accepted prompt ends once (I6 of spec §15): with an answer, an error or a cancellation. Prompts that an old release
//! merges into one turn end together.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::claim::endless::is_endless;
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "prompts_end_once",
    about: "at rest, every accepted prompt was answered, failed or cancelled exactly once",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.known.iter().for_each(|session| cases.add(case(view, session)));
}

fn case(view: &View<'_>, session: &Session) -> Case {
    session.read(|record| {
        // Prompts of a killed process are judged by their rows.
        let alive = view.sessions.is_some_and(|sessions| sessions.contains(session));
        let (accepted, ended) = view.events.read(session.id(), |events| (events.accepted, events.ended));
        if accepted == 0 {
            return Case::NotConcerned;
        }
        if !alive && record.stage != SessionStage::Finalized {
            return Case::Excused(Excuse::Killed);
        }
        // A turn that nothing ends holds its prompt, and those that are queued behind it.
        let held = if alive && is_endless(view.scenario, record) { 1 + record.queue.len() as u64 } else { 0 };
        if accepted == ended + held {
            return if held > 0 { Case::Excused(Excuse::Endless) } else { Case::Held };
        }
        let session = view.names.label(session.id());
        // Lost and ended twice are two defects: the texts differ also without the numbers.
        let ends = if ended < accepted { format!("only {ended} ended") } else { format!("{ended} ends were reported") };
        let detail = format!("session {session} accepted {accepted} prompts, of which {ends}");
        Case::failed(session, detail)
    })
}

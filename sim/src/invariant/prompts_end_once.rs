//! Every accepted prompt comes to one end (I6 of spec §15): an answer, an error, or a word that it was cancelled.
//! Prompts that an old release joins to one turn end together.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};
use crate::rows::Tables;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "prompts_end_once",
    about: "at rest, every accepted prompt has been answered, has failed or was cancelled, and only once",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &Tables) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    session.read(|record| {
        // What a killed process had accepted is judged by its rows.
        let alive = view.sessions.is_some_and(|sessions| sessions.contains(session));
        let (accepted, over) = (record.facts.accepted, record.facts.over);
        if accepted == over || (!alive && record.stage != SessionStage::Finalized) {
            return None;
        }
        let session = view.names.label(session.id());
        // Lost and ended twice are two defects: the words tell them apart, also without the numbers.
        let only = if over < accepted { "only " } else { "" };
        let ends = if over < accepted { "came to an end" } else { "ends were told" };
        let detail = format!("session {session} accepted {accepted} prompts, of which {only}{over} {ends}");
        Some(Breach { subject: session, detail })
    })
}

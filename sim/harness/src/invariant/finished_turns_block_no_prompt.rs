//! A session accepts the next prompt once its turn is over, not only after its client has received the completion (S27): a
//! client that prompts on completion would be refused, or would wait for nothing.

use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "finished_turns_block_no_prompt",
    about: "no prompt is queued behind a turn that is over",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    if !view.events.read(session.id(), |events| events.waited_for_finished_turn) {
        return None;
    }
    let session = view.names.label(session.id());
    let detail = format!("a prompt to session {session} is queued, though the turn there is over");
    Some(Breach { subject: session, detail })
}

//! A session accepts the next prompt once its turn is over, not only after its client has received the completion (S27): a
//! client that prompts on completion would be refused, or would wait for nothing.

use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "finished_turns_block_no_prompt",
    about: "no prompt is queued behind a turn that is over",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.known.iter().enumerate() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    if !view.events.read(session.id(), |events| events.waited_for_finished_turn) {
        return if session.read(|record| record.queue.is_empty()) { Case::NotConcerned } else { Case::Held };
    }
    let session = view.names.label(session.id());
    let detail = format!("a prompt to session {session} is queued, though the turn there is over");
    Case::failed(session, detail)
}

//! A session is free when the turn in it is over, and not only after its client has heard so (S27): a client that prompts at
//! the news would be refused, or would wait for nothing.

use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "finished_turns_block_no_prompt",
    about: "no prompt has to wait for a turn that is over",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    if !session.read(|record| record.facts.kept_waiting) {
        return None;
    }
    let session = view.names.label(session.id());
    let detail = format!("a prompt to session {session} has to wait, though the turn there is over");
    Some(Breach { subject: session, detail })
}

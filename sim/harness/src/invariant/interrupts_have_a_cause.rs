//! A turn is interrupted only on request and while it runs (A16 and S16 of the catalogue): an interrupt of an idle session does
//! not stop the next turn, and a prompt does not stop its own.

use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupts_have_a_cause",
    about: "no turn is interrupted unless a client interrupted it, or sent another prompt, while it ran",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let stopped = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::StoppedUnasked { session } => Some(session),
        _ => None,
    });
    // The end of the session interrupts its turn too, and so does the grace when an agent hangs.
    let asked =
        |session: &Session| view.events.read(session.id(), |events| events.end.is_some() || events.turn_given_up);
    let live = stopped.filter(|id| view.find(id).is_some_and(|session| !asked(session)));
    live.map(|id| {
        let session = view.label(id);
        Breach { detail: format!("a turn of session {session} was interrupted without a request"), subject: session }
    })
    .collect()
}

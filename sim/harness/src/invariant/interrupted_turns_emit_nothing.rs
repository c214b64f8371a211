//! An interrupted turn emits nothing more (related to S17 of the catalogue): a late result of the agent is discarded.

use super::{Cases, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupted_turns_emit_nothing",
    about: "after a client has received an interrupt's acknowledgement, it receives no more of that turn's answer",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.count_so_far(&view.clients.log.counted().interrupts);
    for event in view.clients.events {
        if let ClientEvent::SaidAfterStop { session, client } = event {
            let session = view.label(session);
            let detail = format!("session {session} sent {client} more of an answer that was interrupted");
            cases.fail(session, detail);
        }
    }
}

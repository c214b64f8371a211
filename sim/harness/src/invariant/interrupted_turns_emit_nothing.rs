//! An interrupted turn emits nothing more (related to S17 of the catalogue): a late result of the agent is discarded.

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupted_turns_emit_nothing",
    about: "after a client has received an interrupt's acknowledgement, it receives no more of that turn's answer",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let said = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::SaidAfterStop { session, client } => Some((session, client)),
        _ => None,
    });
    said.map(|(id, client)| {
        let session = view.label(id);
        Breach {
            detail: format!("session {session} sent {client} more of an answer that was interrupted"),
            subject: session,
        }
    })
    .collect()
}

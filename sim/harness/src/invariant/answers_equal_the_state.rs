//! What a request is answered is true (spec §4): each field equals the rows and the live session at that instant.
//!
//! The answers are compared when the gateway gives them, in `world/answers.rs`. The truth there is computed a second time,
//! from the records and the mirror of the rows.

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_equal_the_state",
    about: "the answer to a resume, an activation, a history, a list or a title equals the live session and the rows at that instant, and shows the prompt of a running turn once",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let untrue = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Untrue { subject, detail } => Some(Breach { subject: subject.clone(), detail: detail.clone() }),
        _ => None,
    });
    untrue.collect()
}

//! What a request is answered is true (spec §4): each field equals the rows and the live session at that instant.
//!
//! The answers are compared when the gateway gives them, in `world/answers.rs`. The truth there is computed a second time,
//! from the records and the mirror of the rows.

use super::{Cases, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_equal_the_state",
    about: "the answer to a resume, an activation, a history, a list or a title equals the live session and the rows at that instant, and shows the prompt of a running turn once",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.count_so_far(&view.clients.log.counted().answers);
    for event in view.clients.events {
        if let ClientEvent::Untrue { subject, detail } = event {
            cases.fail(subject, detail);
        }
    }
}

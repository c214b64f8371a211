//! A turn that was told to stop says nothing more (the kin of S17 of the catalogue): an agent may be late with what it was
//! working on, and then nobody wants it any more.

use super::{Breach, Claim, Invariant, View};
use crate::world::told::News;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupted_turns_emit_nothing",
    about: "a client that was told that a turn is to stop hears no more of its answer",
    claim: Claim::Told(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let said = view.news.iter().filter_map(|news| match news {
        News::SaidAfterStop { session, client } => Some((session, client)),
        _ => None,
    });
    said.map(|(id, client)| {
        let session = view.label(id);
        Breach {
            detail: format!("session {session} told {client} more of an answer that was to stop"),
            subject: session,
        }
    })
    .collect()
}

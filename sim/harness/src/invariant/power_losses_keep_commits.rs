//! A loss of power takes nothing that was committed, and leaves no half of a write (issue 14): the file is sound, and its rows
//! are those of the commits before, with or without all of the write that has no answer.
//!
//! What survives of what was not synced is chosen on the tape. So this judges the settings with which the gateway opens its
//! database; that a write is answered only after its commit is judged by the claims about acknowledged messages.

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "power_losses_keep_commits",
    about: "after a loss of power the database file is sound, and has each committed write, and all or nothing of the one that was not answered",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    for loss in &view.store.power_losses {
        cases.add(match &loss.complaint {
            None => Case::Held,
            Some(complaint) => Case::failed("database".to_owned(), format!("after the loss of power: {complaint}")),
        });
    }
}

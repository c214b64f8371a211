//! A tool's result follows the message that calls the tool, in the same row, and no other message comes between
//! (openclaw#4739): model providers refuse any other conversation, so each later prompt of it fails.
//!
//! Each committed write is judged. What was wrong at any time of the run is reported at rest.

use super::{Cases, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::mirror::talk::Flaw;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "results_follow_their_call",
    about: "at all times of the run, in each row a tool's result comes after the message with its call, each call has one result at most, and has it before any other message",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    let (_, calls) = view.rows.judged();
    cases.so_far(calls);
    // A row that is deleted since has no conversation that goes on.
    let flaws = view.rows.flaws().iter().filter(|(row, _)| view.rows.row(row).is_some());
    for (row, flaw) in flaws.filter(|(_, flaw)| !matches!(flaw, Flaw::Empty)) {
        let alias = view.rows.alias(row);
        cases.fail(&*alias, format!("row {alias} has {flaw}"));
    }
}

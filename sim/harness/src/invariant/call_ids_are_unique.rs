//! Two tool calls of a conversation have different ids, also after a restart, a compression or a branch: model providers
//! refuse a conversation that has one twice.

use super::{Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "call_ids_are_unique",
    about: "no two tool calls of a conversation have one id, replaced messages and those that a branch begins with included",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let (_, calls) = view.rows.judged();
    cases.so_far(calls);
    // A row that is deleted since has been reported under its alias.
    for (row, id) in view.rows.repeated_calls().iter().filter(|(row, _)| view.rows.row(row).is_some()) {
        let alias = view.rows.alias(row);
        cases.fail(&*alias, format!("row {alias} has a call `{id}`, and its conversation has another call of that id"));
    }
}

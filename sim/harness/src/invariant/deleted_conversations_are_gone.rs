//! A conversation whose deletion was confirmed is gone: no part of it is left that a list could show again (hermes-agent#48524).
//!
//! The confirmation is the answer that a client has received. The rows of the conversation are those that rotations have linked,
//! whoever deletes them.

use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "deleted_conversations_are_gone",
    about: "once a client has received the confirmation of `session.delete`, no row of that conversation exists",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // Most runs delete nothing.
    for (place, (deleted, client)) in view.clients.log.deletions().iter().enumerate() {
        cases.look(place, case(view, deleted, client));
    }
}

fn case(view: &View<'_>, deleted: &StoredId, client: &str) -> Case {
    let first = view.rows.first(deleted);
    let Some(row) = view.rows.rows().iter().find(|row| view.rows.first(&row.id) == first) else { return Case::Held };
    let name = view.rows.alias(&row.id);
    let detail = format!("row {name} exists, though {client} has deleted its conversation");
    Case::failed(name, detail)
}

//! A title that a client was told is given has been given (spec §4.8): also one for a session without a prompt.

use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};
use crate::rows::Tables;
use crate::world::told::Account;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_stored",
    about: "at rest, each title that was given, and one of those that waited and stayed free, was at some time that of a row of its conversation",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &Tables) -> Vec<Breach> {
    let accounts = view.told.accounts();
    accounts.iter().filter_map(|(session, account)| breach(view, session, account)).collect()
}

fn breach(view: &View<'_>, session: &str, account: &Account) -> Option<Breach> {
    // A draft that was never prompted has no row that could have one.
    let is_draft =
        |known: &&Session| known.id().as_str() == session && known.read(|record| record.transcript.draft > 0);
    if view.known.iter().any(|known| is_draft(&known)) {
        return None;
    }
    let row = account.stored.as_ref()?;
    let was_given = |title: &&String| view.rows.was_titled(row, title);
    let given = account.titles.iter().find(|title| !was_given(title));
    // Of those that waited the last one stands. Two clients may hear in another order which that was, and one that has
    // lost its connection may never hear it.
    let another_stands = account.asked_titles.iter().any(|title| was_given(&title));
    // Nor is a title kept for one that waits: whoever has a row first may have it.
    let waits = account.waiting_titles.last().filter(|title| !another_stands && !view.rows.went_without(row, title));
    let title = given.or(waits)?;
    let session = view.label(session);
    let detail = format!("session {session} accepted the title {title:?}, and no row of it ever had it");
    Some(Breach { subject: session, detail })
}

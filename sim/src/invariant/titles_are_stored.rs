//! A title that a client was told is given has been given (spec §4.8): also one for a session without a prompt.

use super::{Breach, Claim, Invariant, View};
use crate::rows::Tables;
use crate::world::told::Account;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_stored",
    about: "at rest, each title that was accepted was at some time that of a row of its conversation",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &Tables) -> Vec<Breach> {
    let accounts = view.told.accounts();
    accounts.iter().filter_map(|(session, account)| breach(view, session, account)).collect()
}

fn breach(view: &View<'_>, session: &str, account: &Account) -> Option<Breach> {
    let row = account.stored.as_ref()?;
    let title = account.titles.iter().find(|title| !view.rows.was_titled(row, title))?;
    let session = view.label(session);
    let detail = format!("session {session} accepted the title {title:?}, and no row of it ever had it");
    Some(Breach { subject: session, detail })
}

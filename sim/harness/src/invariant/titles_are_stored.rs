//! A title that was acknowledged to a client is stored (spec §4.8), also one for a session without a prompt.

use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::{LoggedRequest, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_stored",
    about: "at rest, every acknowledged title, and one of the pending titles that stayed free, was stored in a row of its conversation",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.each_stored(|session, log, row| {
        log.titles.iter().for_each(|title| cases.add(given(view, session, row, title)));
        if let Some(title) = log.waiting_titles.last() {
            cases.add(waiting(view, session, log, row, title));
        }
    });
}

/// The case of a title that was acknowledged as set.
fn given(view: &View<'_>, session: &str, row: &StoredId, title: &str) -> Case {
    if view.rows.was_titled(row, title) { Case::Held } else { never_had(view, session, title) }
}

/// The case of the last title that was acknowledged as pending.
fn waiting(view: &View<'_>, session: &str, log: &SessionLog, row: &StoredId, title: &str) -> Case {
    // A session that began with messages gets its row with its first prompt: without that, no row can have its title.
    let had_row = view.rows.row(row).is_some() || view.rows.was_deleted(row);
    let has_row_to_come = log.began_with_messages && log.started.is_empty() && !had_row;
    // The last pending title counts. Two clients may receive the titles in different orders, and a client that has
    // lost its connection may never receive them.
    let another_stands = log.asked_titles.iter().any(|title| view.rows.was_titled(row, title));
    match () {
        () if has_row_to_come => Case::NotConcerned,
        () if another_stands => Case::Held,
        // A pending title is not reserved: the first session with a row may take it.
        () if view.rows.was_refused_title(row, title) => Case::Excused(Excuse::TitleTaken),
        () if others_at_the_time(log, title).any(|other| view.rows.was_refused_title(row, other)) => {
            Case::Excused(Excuse::TitleTaken)
        }
        () => never_had(view, session, title),
    }
}

/// The titles that may have been carried out after a request for `title`: another client asked for it while that was under
/// way, or the answer has not arrived.
fn others_at_the_time<'a>(log: &'a SessionLog, title: &'a str) -> impl Iterator<Item = &'a str> {
    let titles = || log.requests.iter().filter(|request| request.method == "session.title" && !request.text.is_empty());
    let overlaps = |one: &LoggedRequest, other: &LoggedRequest| {
        one.answered.as_ref().is_none_or(|answer| other.sent_at <= answer.at)
    };
    let is_other = move |other: &&LoggedRequest| {
        let mut own = titles().filter(|own| own.text.trim() == title && !own.is_same(other));
        own.any(|own| match own.client == other.client {
            true => own.number < other.number && other.answered.is_none(),
            false => overlaps(own, other) && overlaps(other, own),
        })
    };
    titles().filter(is_other).map(|other| other.text.trim())
}

fn never_had(view: &View<'_>, session: &str, title: &str) -> Case {
    let session = view.label(session);
    let detail = format!("session {session} accepted the title {title:?}, which none of its rows ever had");
    Case::failed(session, detail)
}

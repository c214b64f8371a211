//! The notice of a background job goes to the session that started it (hermes-agent#55578): it may contain what only that
//! conversation is to know.

use gateway_core::record::Record;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "job_notices_reach_their_session",
    about: "a job's notice starts a turn in the session that started the job, and in no other",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.known.iter().enumerate() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    if !session.read(Record::is_running) {
        return Case::NotConcerned;
    }
    let owner = view.events.read(session.id(), |events| events.job_owner.clone());
    let Some(owner) = owner else { return Case::NotConcerned };
    if owner == *session.id() {
        return Case::Held;
    }
    let (session, owner) = (view.names.label(session.id()), view.names.label(&owner));
    let detail = format!("session {session} runs a turn for a job of session {owner}");
    Case::failed(session, detail)
}

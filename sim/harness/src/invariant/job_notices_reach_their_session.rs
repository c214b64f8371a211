//! The notice of a background job goes to the session that started it (hermes-agent#55578): it may contain what only that
//! conversation is to know.

use gateway_core::record::Record;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "job_notices_reach_their_session",
    about: "a job's notice starts a turn in the session that started the job, and in no other",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    if !session.read(Record::is_running) {
        return None;
    }
    let owner = view.events.read(session.id(), |events| events.job_owner.clone())?;
    if owner == *session.id() {
        return None;
    }
    let (session, owner) = (view.names.label(session.id()), view.names.label(&owner));
    let detail = format!("session {session} runs a turn for a job of session {owner}");
    Some(Breach { subject: session, detail })
}

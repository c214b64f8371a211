//! The notice of a background job goes to the session that started it (hermes-agent#55578): it may contain what only that
//! conversation is to know.
//!
//! Which session started a job, and which agents were given its notice, is in the agents' own log.

use std::collections::BTreeSet;

use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};
use crate::claim::turn_place;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "job_notices_reach_their_session",
    about: "a job's notice starts a turn in the conversation that started the job, and in no other",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let (jobs, turns) = (view.agents.jobs(), view.agents.turns());
    // Most runs start no job, and the claim is judged after each event.
    if jobs.is_empty() {
        return;
    }
    for (known, session) in view.changed() {
        let label = view.names.label(session.id());
        for (place, turn) in turns.get(&label).into_iter().flatten().enumerate() {
            let Some(owners) = jobs.get(&turn.prompt) else { continue };
            let case = match is_own(view, session, &label, owners) {
                Some(true) => Case::Held,
                // Judged as soon as a client knows the conversation of the session.
                None => Case::NotConcerned,
                Some(false) if is_prompt(view, session, &turn.prompt) => Case::NotConcerned,
                Some(false) => {
                    let owners = Vec::from_iter(owners.iter().map(String::as_str)).join(" and ");
                    let detail = format!("session {label} runs a turn for a job of session {owners}");
                    Case::failed(&*label, detail)
                }
            };
            cases.look(turn_place(known, place), case);
        }
    }
}

/// Whether a session, or an earlier one of its conversation, has started the job: a notice that waits in the rows waits for the
/// next resume. `None` if no client knows yet which conversation the session has.
fn is_own(view: &View<'_>, session: &Session, label: &str, owners: &BTreeSet<String>) -> Option<bool> {
    if owners.contains(label) {
        return Some(true);
    }
    let logs = view.clients.log.sessions();
    let first = |session: &Session| {
        let stored = logs.get(session.id().as_str())?.stored.as_ref()?;
        Some(view.rows.first(stored).clone())
    };
    let own = first(session)?;
    let mut earlier = view.known.iter().filter(|known| owners.contains(&view.names.label(known.id())));
    Some(earlier.any(|owner| first(owner).as_ref() == Some(&own)))
}

/// Whether a client has sent this text to the session.
fn is_prompt(view: &View<'_>, session: &Session, text: &str) -> bool {
    let logs = view.clients.log.sessions();
    logs.get(session.id().as_str()).is_some_and(|log| log.requests.iter().any(|request| request.text == text))
}

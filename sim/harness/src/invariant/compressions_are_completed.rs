//! A prompt does not stop a turn that compresses the conversation: it waits (hermes-agent#114689). A user who keeps typing would
//! stop one compression after the other, and never get an answer.
//!
//! The agents' own log says whether a turn was asked to stop while its agent compressed; the client log says who had asked.

use gateway_core::state::Session;

use super::healthy_turns_are_not_stopped::has_to_end;
use super::{Case, Cases, Claim, Invariant, View};
use crate::world::agent_log::{AgentTurn, Stop};
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "compressions_are_completed",
    about: "a turn that compresses its conversation is not stopped because another prompt comes",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let turns = view.agents.turns();
    let logs = view.clients.log.sessions();
    for (place, session) in view.changed() {
        let Some(turns) = turns.get(&view.names.label(session.id())) else { continue };
        let log = logs.get(session.id().as_str());
        if turns.iter().any(|turn| turn.has_compressed) {
            let of = turns.iter().find_map(|turn| of_turn(view, session, log, turn));
            cases.look(place, of.unwrap_or(Case::Held));
        }
    }
}

/// The breach of a turn that was stopped without a cause while its agent compressed.
fn of_turn(view: &View<'_>, session: &Session, log: Option<&SessionLog>, turn: &AgentTurn) -> Option<Case> {
    let stop = turn.stop.filter(|_| turn.stopped_compressing)?;
    let is_caused = log.is_some_and(|log| is_asked(log, stop));
    if is_caused || has_to_end(view, log, session.id().as_str(), stop).is_some() {
        return None;
    }
    let label = view.names.label(session.id());
    let detail = format!("a turn of session {label} was stopped at {} while it compressed", stop.at);
    Some(Case::failed(label, detail))
}

/// Whether a client had asked to stop a turn or to close the session.
fn is_asked(log: &SessionLog, stop: Stop) -> bool {
    log.requests.iter().any(|request| request.stops() && request.sent_at <= stop.at)
}

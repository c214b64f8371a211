//! A turn is interrupted only on request and while it runs (A16 and S16 of the catalogue): an interrupt of an idle session does
//! not stop the next turn, and a prompt does not stop its own.

use gateway_core::clock::Millis;
use gateway_core::state::Session;

use super::healthy_turns_are_not_stopped::stop_of_unbegun;
use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupts_have_a_cause",
    about: "no turn is interrupted unless a client interrupted it, or sent another prompt, while it ran",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.count_so_far(&view.clients.log.counted().stops);
    for event in view.clients.events {
        if let ClientEvent::StoppedUnasked { session } = event {
            cases.add(case(view, session));
        }
    }
}

/// The case of a stop that no client's request explains.
fn case(view: &View<'_>, id: &str) -> Case {
    let label = view.label(id);
    match view.find(id) {
        // The end of the session interrupts its turn too.
        Some(session) if view.events.end(session.id()).is_none() => {
            let detail = format!("a turn of session {label} was interrupted without a request");
            if was_silent(view, session) { Case::Held } else { Case::failed(label, detail) }
        }
        _ => Case::Excused(Excuse::EndedInTurn),
    }
}

/// Whether its agent had reported nothing for so long that the grace may have interrupted it. It may not have begun the turn.
fn was_silent(view: &View<'_>, session: &Session) -> bool {
    let (label, silence) = (view.names.label(session.id()), view.settings().orphan_silence);
    let (turns, early, logs) = (view.agents.turns(), view.agents.early_stops(), view.clients.log.sessions());
    let stop = turns.get(&label).and_then(|turns| turns.iter().rev().find_map(|turn| turn.stop));
    let early = early.get(&label).and_then(|stops| stops.last()).zip(logs.get(session.id().as_str()));
    let early = early.and_then(|(early, log)| stop_of_unbegun(log, early));
    let last = stop.into_iter().chain(early).max_by_key(|stop| stop.at);
    silence > Millis::ZERO && last.is_some_and(|stop| stop.silence >= silence)
}

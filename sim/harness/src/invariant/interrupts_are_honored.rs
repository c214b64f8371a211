//! An interrupted turn stops (S17 and spec §5), also one that still waits for its agent. Only a tool that cannot be interrupted
//! delays it.
//!
//! That a turn was interrupted is what a client was answered; whether it runs on is what its agent does, or its task. A turn
//! that a prompt, a close or the grace interrupts has no such answer: there the gateway's mark on the turn is used in addition,
//! which shows nothing that it does not itself say.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::Record;
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View, bound};
use crate::world::agent_log::AgentTurn;
use crate::world::client_log::{LoggedRequest, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupts_are_honored",
    about: "a turn is over a second after a client's interrupt of it was acknowledged, its tool has finished or stopped, and its messages are stored",
    claim: Claim::OfSession { bound: bound::stopping, begun },
};

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    let (logs, turns) = (view.clients.log.sessions(), view.agents.turns());
    let within = bound + view.slack() + view.slack();
    let log = logs.get(session.id().as_str()).filter(|log| log.stops > 0);
    let subject = view.names.label(session.id());
    let turns = turns.get(&subject).map_or(&[][..], Vec::as_slice);
    let asked = log.and_then(|log| match turns.last().filter(|turn| turn.over.is_none()) {
        Some(turn) => interrupted_at(log, turn),
        None if view.has_turn(&subject) => interrupted_before_its_agent(view, log, turns),
        None => None,
    });
    // The mark stays on a turn from its interrupt on: the era is that of the turn, also where a client is answered later.
    let marked = session.read(|record| record.turn.as_ref().filter(|turn| turn.interrupted).map(|_| era(record)));
    let era = marked.or(asked);
    era.map(|era| Condition { subject, era, within, detail }).into_iter().collect()
}

/// Turns that follow each other differ in their beginning.
fn era(record: &Record) -> Uptime {
    record.details.last_active.uptime
}

/// When a client received the answer to an interrupt of this turn, which runs: one that was sent after the turn had begun, or after
/// its prompt by the same client.
fn interrupted_at(log: &SessionLog, turn: &AgentTurn) -> Option<Uptime> {
    let prompt = only_prompt(log, &turn.prompt);
    let hits =
        |stop: &&LoggedRequest| stop.sent_at > turn.began || prompt.is_some_and(|prompt| is_before(prompt, stop));
    acknowledged(log).filter(hits).filter_map(|stop| Some(stop.answered.as_ref()?.at)).min()
}

/// When a client received the answer to an interrupt of a turn that has a task and waits for its agent: that of the last prompt
/// that any client has sent.
fn interrupted_before_its_agent(view: &View<'_>, log: &SessionLog, turns: &[AgentTurn]) -> Option<Uptime> {
    let mut steps = view.scenario.turns.values().flat_map(|turn| &turn.steps);
    let has_jobs = steps.any(|step| matches!(step, TurnStep::Background { .. }));
    let is_input = |request: &&LoggedRequest| matches!(request.method.as_str(), "prompt.submit" | "session.steer");
    let last = log.requests.iter().rfind(is_input)?;
    let prompt = only_prompt(log, &last.text).filter(|prompt| prompt.is_same(last) && !has_jobs)?;
    // Another prompt that waited, or may have, is the next turn when this one is over.
    let is_earlier = |other: &LoggedRequest| {
        other.answered.as_ref().is_some_and(|reply| reply.at < prompt.sent_at)
            && !other.was("prompt.submit", &["queued"])
    };
    let is_alone = log.requests.iter().filter(is_input).all(|other| other.is_same(prompt) || is_earlier(other));
    let waits = is_alone && turns.iter().all(|turn| turn.prompt != prompt.text);
    let hits = |stop: &&LoggedRequest| is_before(prompt, stop);
    acknowledged(log).filter(hits).filter(|_| waits).filter_map(|stop| Some(stop.answered.as_ref()?.at)).min()
}

/// The interrupts that were acknowledged.
fn acknowledged(log: &SessionLog) -> impl Iterator<Item = &LoggedRequest> {
    log.requests.iter().filter(|request| request.was_answered("session.interrupt", &["interrupted"]))
}

/// The only request of the session with this text, if it is a prompt whose turn started at once.
fn only_prompt<'a>(log: &'a SessionLog, text: &str) -> Option<&'a LoggedRequest> {
    let mut requests = log.requests.iter().filter(|request| request.text == text);
    let prompt = requests.next().filter(|request| request.was("prompt.submit", &["streaming"]))?;
    requests.next().is_none().then_some(prompt)
}

/// Whether one client has sent the prompt and then the request to stop. Requests of a connection are carried out in their order.
fn is_before(prompt: &LoggedRequest, stop: &LoggedRequest) -> bool {
    prompt.client == stop.client
        && prompt.number < stop.number
        && prompt.answered.as_ref().is_some_and(|reply| reply.at <= stop.sent_at)
}

fn detail(session: &str, since: Uptime) -> String {
    format!("the turn of session {session} still runs, though it is interrupted since {since}")
}

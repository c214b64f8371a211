//! A session accepts the next prompt once its turn is over (S27): a client that prompts on completion would be refused, or would
//! wait for nothing.
//!
//! Judged where the frames alone show that the session was free: every accepted input had its turn, the agents' log says that
//! each is over, clients had received the end of each, and no other request to the session was under way.

use gateway_core::agent::script::TurnStep;
use sim_scenario::Scenario;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::{Answer, LoggedRequest};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "finished_turns_block_no_prompt",
    about: "no prompt is queued, or taken for a word to a running turn, that is sent after the completion of the last turn was received",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("prompt.submit").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    let Ok(result) = &answer.result else { return Case::NotConcerned };
    if !was_free(view, answer) {
        return Case::NotConcerned;
    }
    match result["status"].as_str() {
        Some(status @ ("queued" | "steered")) => {
            let session = view.label(answer.request.session());
            let detail = format!("a prompt to session {session} is {status}, though the turn there is over");
            Case::failed(session, detail)
        }
        _ => Case::Held,
    }
}

/// Whether the session was surely free from before the request was sent until it was answered.
fn was_free(view: &View<'_>, answer: &Answer) -> bool {
    let request = &answer.request;
    let (logs, turns) = (view.clients.log.sessions(), view.agents.turns());
    let Some(log) = logs.get(request.session()) else { return false };
    // The answer to the repetition of another request is that one's.
    if log.requests.iter().any(|other| other.is(request) && other.repeats) {
        return false;
    }
    let mut turns: Vec<_> = turns.get(&view.label(request.session())).into_iter().flatten().collect();
    // The turn of this prompt may have begun before its answer arrived.
    turns.retain(|turn| turn.began < request.sent_at);
    let others = || log.requests.iter().filter(|other| !other.is(request));
    let is_apart = |other: &LoggedRequest| other.answered.as_ref().is_some_and(|reply| reply.at < request.sent_at);
    let accepted = others().filter(|other| {
        other.was("prompt.submit", &["streaming", "queued", "steered"]) || other.was("session.steer", &["queued"])
    });
    let is_over = turns.iter().all(|turn| turn.over.is_some_and(|over| over < request.sent_at));
    !turns.is_empty()
        && is_over
        && log.ended_at < request.sent_at
        && accepted.count() + log.inherited == turns.len()
        && log.ends.len() == turns.len()
        && others().all(is_apart)
        && !has_jobs(view.scenario)
}

/// Whether a background job may claim a session, whose outcome is a prompt that no client sent.
fn has_jobs(scenario: &Scenario) -> bool {
    let mut steps = scenario.turns.values().flat_map(|turn| &turn.steps);
    steps.any(|step| matches!(step, TurnStep::Background { .. }))
}

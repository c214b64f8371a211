//! Every request is answered, once and in bounded time (spec §3): a client waits for the answer and shows it.
//!
//! The clients' own log says when each request was sent and answered. A request on a connection that was cut, that lags or
//! whose client has stopped reading is not judged, and neither is one whose gateway is killed.

use gateway_core::clock::{Millis, Uptime};
use sim_scenario::Scenario;

use super::{Case, Cases, Claim, Excuse, Invariant, View, bound};
use crate::world::client_log::{Answer, ClientEvent, SentRequest};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "requests_are_answered",
    about: "a request on a connection that works is answered once, within a minute and the time of the agents and the store",
    claim: Claim::Frames(check),
};

/// The longest time of a request, without the agents and the store.
const ANSWER: Millis = Millis::from_secs(60);

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.events.iter().for_each(|event| cases.add(case(view, event)));
}

fn case(view: &View<'_>, event: &ClientEvent) -> Case {
    match event {
        ClientEvent::Waited { request, ahead, answered_at, at } => late(view, request, *ahead, *answered_at, *at),
        ClientEvent::AnsweredAgain { client } => {
            let detail = format!("{client} received an answer to no request that waited for one");
            Case::failed(client, detail)
        }
        // One that was late has an event of its own.
        ClientEvent::Answer(answer) if was_late(view, answer) => Case::NotConcerned,
        ClientEvent::Answer(Answer { client, .. }) if view.clients.log.connections().is_sound(client) => Case::Held,
        ClientEvent::Answer(_) => Case::Excused(Excuse::LineInDoubt),
        _ => Case::NotConcerned,
    }
}

/// Whether the answer is one of those that arrived late.
fn was_late(view: &View<'_>, answer: &Answer) -> bool {
    view.clients.events.iter().any(|event| match event {
        ClientEvent::Waited { request, answered_at: Some(_), .. } => {
            request.client == answer.client && request.number == answer.request.number
        }
        _ => false,
    })
}

fn late(view: &View<'_>, request: &SentRequest, ahead: u64, answered_at: Option<Uptime>, at: Uptime) -> Case {
    // Requests of one connection are carried out one after the other.
    let within = (longest(view.scenario) + view.slack().times(2)).times(ahead);
    if at - request.sent_at <= within + view.store.delay_since(request.sent_at) {
        return Case::Held;
    }
    let (client, method) = (&request.client, &request.method);
    let was = match answered_at {
        Some(answered_at) => format!("was answered at {answered_at}"),
        None => format!("was not answered by {at}"),
    };
    let detail = format!("{method} of {client}, sent at {}, {was}", request.sent_at);
    Case::failed(client, detail)
}

/// How long one request may take: a tool that cannot be interrupted, two builds of an agent, a summary, two frames.
fn longest(scenario: &Scenario) -> Millis {
    let agent = &scenario.agent;
    let build = agent.first_build.iter().copied().max().unwrap_or_default().max(agent.build);
    ANSWER + bound::stopping(scenario) + build.times(2) + agent.summary + scenario.network.latency.max.times(2)
}

//! Two requests with one idempotency key run once, and get one answer (LibreChat#14348), also over a reconnect and a restart.
//!
//! Judged from the clients' log and the messages. What has the text of a keyed prompt and no key counts for itself.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::agent::script::TurnStep;
use gateway_core::store::Role;
use sim_scenario::{Action, RequestStep, Scenario, Start, Step};

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::LoggedRequest;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "keyed_requests_run_once",
    about: "at rest, prompts with one idempotency key were stored once at most, and their answers are equal",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    let logs = view.clients.log.sessions();
    let requests = || logs.values().flat_map(|log| &log.requests);
    if requests().all(|request| request.key.is_none()) {
        return;
    }
    let mut keyed: BTreeMap<&str, Vec<&LoggedRequest>> = BTreeMap::new();
    for request in requests() {
        keyed.entry(request.key.as_deref().unwrap_or_default()).or_default().push(request);
    }
    let others = keyed.remove("").unwrap_or_default();
    for (key, requests) in &keyed {
        let detail = || format!("requests with the key {key:?} were answered differently");
        cases.add(if is_answered_alike(requests) { Case::Held } else { Case::failed(*key, detail()) });
    }
    let texts: BTreeSet<&str> = keyed.values().flatten().map(|request| request.text.as_str()).collect();
    // Messages with which a session was created, and what jobs have said, are no requests.
    for text in texts.into_iter().filter(|text| !is_said_otherwise(view.scenario, text)) {
        let keys = keyed.values().filter(|requests| requests.iter().any(|request| request.text == text)).count();
        let unkeyed = others.iter().filter(|request| request.text == text).count();
        let stored = stored(view, text);
        let detail =
            || format!("{text:?} was asked with {keys} keys and {unkeyed} times without, and stored {stored} times");
        cases.add(if stored > keys + unkeyed { Case::failed(text, detail()) } else { Case::Held });
    }
}

/// Whether those that were accepted have one answer.
fn is_answered_alike(requests: &[&LoggedRequest]) -> bool {
    let answers = requests.iter().filter_map(|request| request.answered.as_ref()?.status.as_deref().ok());
    answers.collect::<BTreeSet<&str>>().len() <= 1
}

/// Whether a new session has this text among its messages, or a job has it as its name.
fn is_said_otherwise(scenario: &Scenario, text: &str) -> bool {
    let is_seed = |step: &Step| {
        let starts = |start: &Start| start.seed.iter().any(|seed| seed == text);
        matches!(&step.action, Action::Request(RequestStep::Create { start, .. }) if starts(start))
    };
    let mut steps = scenario.turns.values().flat_map(|turn| &turn.steps);
    scenario.steps.iter().any(is_seed)
        || steps.any(|step| matches!(step, TurnStep::Background { job, .. } if job == text))
}

/// How often a prompt with this text was stored, in any conversation.
fn stored(view: &View<'_>, text: &str) -> usize {
    let logs = view.clients.log.sessions();
    let rows = logs.values().filter_map(|log| log.stored.as_ref()).map(|row| view.rows.first(row));
    let conversations: BTreeSet<_> = rows.collect();
    let said = conversations.into_iter().flat_map(|first| view.rows.all_messages(first));
    said.filter(|message| message.role == Role::User && message.content.as_deref() == Some(text)).count()
}

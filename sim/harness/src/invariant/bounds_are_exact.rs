//! A bound of the settings holds exactly at its number: `max_waiting_prompts` and `max_sessions_per_connection` (spec §6).
//! A request is refused for want of room only if there may have been none, and accepted only if there may have been some.
//!
//! The room is counted from what clients sent and received and from the work of the agents ([`room`]), so a count of the
//! gateway that leaks or is one too high is found.

use super::{Case, Cases, Claim, Invariant, View, room};
use crate::world::client_log::{Answer, SESSION_LIMIT, is_attaching, is_unattached};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "bounds_are_exact",
    about: "a prompt, a steer or a session is refused for want of room only where the clients' own count may have reached the bound, and accepted only where it may not have",
    claim: Claim::Frames(check),
};

/// The error code of a busy session (spec §3).
const BUSY: i64 = 4009;

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for answer in view.clients.answers() {
        cases.add(waiting(view, answer));
        cases.add(sessions(view, answer));
    }
}

/// What is wrong with the answer to a prompt or a steer.
fn waiting(view: &View<'_>, answer: &Answer) -> Case {
    let max = view.settings().max_waiting_prompts as usize;
    let request = &answer.request;
    if max == 0 || !matches!(request.method.as_str(), "prompt.submit" | "session.steer") {
        return Case::NotConcerned;
    }
    let logs = view.clients.log.sessions();
    let (label, turns) = (view.label(request.session()), view.agents.turns());
    let Some(log) = logs.get(request.session()) else { return Case::NotConcerned };
    let waiting = room::Waiting::new(log, turns.get(&label), view);
    let status = answer.result.as_ref().map(|result| result["status"].as_str().unwrap_or_default());
    let what = match (request.method.as_str(), status) {
        ("session.steer", Err(&BUSY)) => {
            let most = waiting.steers_at_most(request);
            (most < max).then(|| format!("refused a steer, though at most {most} of {max} were unread"))
        }
        (_, Ok(_)) if room::may_be_repeated(view, request) => return Case::NotConcerned,
        ("session.steer", Ok("queued")) | ("prompt.submit", Ok("steered")) => {
            let least = waiting.steers_at_least(request);
            (least >= max).then(|| format!("accepted a steer, though {least} of {max} were unread"))
        }
        ("prompt.submit", Ok("queued")) => {
            let least = waiting.prompts_at_least(request);
            (least >= max).then(|| format!("queued a prompt, though {least} of {max} waited"))
        }
        _ => return Case::NotConcerned,
    };
    let detail = |what| format!("session {label} {what}");
    what.map_or(Case::Held, |what| Case::failed(&*label, detail(what)))
}

/// What is wrong with the answer to a request that attaches a session to the client's connection.
fn sessions(view: &View<'_>, Answer { client, request, result }: &Answer) -> Case {
    let max = view.settings().max_sessions_per_connection as usize;
    if max == 0 || !is_attaching(&request.method) {
        return Case::NotConcerned;
    }
    let what = match result {
        Err(SESSION_LIMIT) => {
            let most = room::sessions_at_most(view, client, request);
            (most < max).then(|| format!("was refused a session, though it had at most {most} of {max}"))
        }
        Err(_) => return Case::NotConcerned,
        Ok(result) if is_unattached(result) => return Case::NotConcerned,
        Ok(result) => {
            let session = result["session_id"].as_str().unwrap_or(request.session());
            let connections = view.clients.log.connections();
            let had = connections.sessions_of(client).any(|(given, since)| given == session && since < request.sent_at);
            let least = room::sessions_at_least(view, client, request);
            (!had && least >= max).then(|| format!("was given another session, though it had {least} of {max}"))
        }
    };
    what.map_or(Case::Held, |what| Case::failed(client, format!("{client} {what}")))
}

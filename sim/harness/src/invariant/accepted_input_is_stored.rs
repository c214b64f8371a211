//! Accepted input is stored (I6 of spec §15; A17, S20; spec §4.3). A queued prompt becomes a turn of its own with its text
//! unchanged; steering text is read by the running turn or becomes a prompt. Only an interrupt or an end cancels them. What an
//! ended session leaves in the rows is stored too: the next resume of the conversation carries it out.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::{InputKind, NewInput, NewMessage, StoredId};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::{LoggedRequest, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "accepted_input_is_stored",
    about: "at rest, every queued prompt is stored with its text unchanged, and every steering text is part of a stored message, unless they wait in the rows for the next resume",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.each_stored(|session, log, row| each_input(view, session, log, row, cases));
}

fn each_input(view: &View<'_>, id: &str, log: &SessionLog, row: &StoredId, cases: &mut Cases<'_>) {
    let accepted = |method| log.requests.iter().filter(move |input| input.was(method, &["queued"]));
    let inputs: Vec<&LoggedRequest> = accepted("prompt.submit").chain(accepted("session.steer")).collect();
    if inputs.is_empty() {
        return;
    }
    let Some(session) = view.known.iter().find(|session| session.id().as_str() == id) else { return };
    let mut standing: Vec<&LoggedRequest> = Vec::new();
    let begun = |text: &str| has_begun(view, id, log, text);
    for input in inputs {
        // What was cancelled is over, unless its agent has begun with it.
        let stands = stands(log, input) && !may_be_cancelled_later(view, id, row, input);
        let excuse = if stands { not_at_rest(view, session) } else { Some(Excuse::MayBeCancelled) };
        if let Some(excuse) = excuse.filter(|_| input.method != "prompt.submit" || !begun(&input.text)) {
            // It does not count among those that stand: another input with its text may be the one that is stored.
            let all = [&standing[..], &[input]].concat();
            cases.add(match case(view, id, log, row, &all) {
                _ if is_cancelled(log, input) => Case::NotConcerned,
                Case::Held => Case::Held,
                _ => Case::Excused(excuse),
            });
            continue;
        }
        standing.push(input);
        cases.add(case(view, id, log, row, &standing));
    }
}

/// The case of the last of these inputs, which all have to be stored.
fn case(view: &View<'_>, id: &str, log: &SessionLog, row: &StoredId, standing: &[&LoggedRequest]) -> Case {
    let [.., input] = standing else { return Case::NotConcerned };
    let text = input.text.as_str();
    let same = |other: &&&LoggedRequest| other.method == input.method && other.text == text;
    let nth = standing.iter().filter(same).count();
    let is_prompt = input.method == "prompt.submit";
    // A queued prompt is a message of its own, as are the prompts that started at once. A steer is part of a message.
    let nth = nth + if is_prompt { log.started.iter().filter(|prompt| *prompt == text).count() } else { 0 };
    let times = |said: &str| if is_prompt { usize::from(said == text) } else { said.matches(text).count() };
    let said = |message: &NewMessage| message.content.as_deref().map_or(0, times);
    let stored = view.rows.all_messages(row).iter().map(said).sum::<usize>();
    // A queued prompt whose turn cannot begin, because the messages before it are refused again, is over. Any of those with
    // the same text may be the one.
    // It was accepted at some instant between its sending and its answer.
    let first = standing.iter().filter(same).map(|input| input.sent_at).min().unwrap_or(input.sent_at);
    let behind = view.rows.refusals_since(row, first);
    let refused = view.rows.excused(row, |message| said(message) > 0) + behind;
    if nth <= stored + waiting(view, row, input) {
        return Case::Held;
    }
    if nth <= stored + refused {
        return Case::Excused(Excuse::WriteRefused);
    }
    // What waits in the rows is deleted with them.
    if view.rows.lost_a_row(view.rows.first(row)) {
        return Case::Excused(Excuse::RowDeleted);
    }
    let session = view.label(id);
    let detail = format!("session {session} accepted {text:?} and never stored it");
    Case::failed(session, detail)
}

/// How many inputs like this one wait in the rows of the conversation for its next resume.
fn waiting(view: &View<'_>, row: &StoredId, input: &LoggedRequest) -> usize {
    let kind = if input.method == "prompt.submit" { InputKind::Prompt } else { InputKind::Steer };
    let first = view.rows.first(row);
    let is_it = |waiting: &&NewInput| {
        waiting.kind == kind && waiting.text == input.said() && view.rows.first(&waiting.session) == first
    };
    view.rows.inputs().iter().filter(is_it).count()
}

/// Whether agents have begun with as many prompts of this text as the session accepted.
fn has_begun(view: &View<'_>, id: &str, log: &SessionLog, text: &str) -> bool {
    let turns = view.agents.turns();
    let begun = turns.get(&view.label(id)).into_iter().flatten().filter(|turn| turn.prompt == text).count();
    let accepted = log.requests.iter().filter(|input| input.may_be("prompt.submit", &["queued", "streaming"]));
    begun >= accepted.filter(|input| input.text == text).count()
}

/// Whether no request to stop may have cancelled an accepted input that waits. The requests of a client that were answered on one
/// connection were carried out in their order.
fn stands(log: &SessionLog, input: &LoggedRequest) -> bool {
    let mut stops = log.requests.iter().filter(|request| request.stops());
    let is_earlier = |stop: &LoggedRequest| stop.client == input.client && stop.number < input.number;
    stops.all(|stop| stop.answered.as_ref().is_some_and(|reply| reply.at < input.sent_at || is_earlier(stop)))
}

/// Whether a request to stop another session of the conversation may have cancelled it: what a session leaves in the rows is taken
/// over by the next one.
fn may_be_cancelled_later(view: &View<'_>, id: &str, row: &StoredId, input: &LoggedRequest) -> bool {
    let first = view.rows.first(row);
    let is_other = |other: &str, log: &SessionLog| {
        other != id && log.stored.as_ref().is_some_and(|row| view.rows.first(row) == first)
    };
    let others = view.clients.log.sessions();
    let others = others.iter().filter(|(other, log)| is_other(other.as_str(), log));
    let mut stops = others.flat_map(|(_, log)| &log.requests).filter(|request| request.stops());
    stops.any(|stop| stop.answered.as_ref().is_none_or(|reply| reply.at >= input.sent_at))
}

/// Whether a request to stop was carried out after the input was accepted, which cancels what waits.
fn is_cancelled(log: &SessionLog, input: &LoggedRequest) -> bool {
    let Some(accepted) = &input.answered else { return false };
    let is_later = |stop: &LoggedRequest| stop.client == input.client && stop.number > input.number;
    let stops = log.requests.iter().filter(|request| request.stops());
    let after = stops.filter(|stop| stop.sent_at > accepted.at || is_later(stop));
    after.filter_map(|stop| stop.answered.as_ref()).any(|reply| reply.status.is_ok())
}

/// Why the session did not come to its end when nothing was left to do, if it did not.
fn not_at_rest(view: &View<'_>, session: &Session) -> Option<Excuse> {
    if session.read(|record| record.stage != SessionStage::Finalized) {
        return Some(Excuse::Killed);
    }
    let found_turn = view.events.end(session.id()).is_none_or(|end| end.found_turn);
    found_turn.then_some(Excuse::EndedInTurn)
}

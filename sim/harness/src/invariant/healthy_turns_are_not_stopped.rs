//! A turn whose agent works is not stopped because its client is away (the acceptance rules of a fix of hermes-agent#44045).
//!
//! The agents' own log says when a turn was stopped and how long its agent had reported nothing; the client log says who had
//! asked for it. The gateway's account of either is not used. So the claim holds where no client receives the stop, and where
//! the gateway measures the silence wrongly.

use gateway_core::clock::Millis;
use sim_scenario::{Action, OnDisconnect, RequestStep, Step};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::claim::{TURNS, turn_place};
use crate::world::agent_log::{AgentTurn, EarlyStop, Stop};
use crate::world::client_log::{LoggedRequest, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "healthy_turns_are_not_stopped",
    about: "a turn is stopped only if a client asks for it, if its session has to end with a connection or the process, or if its agent has reported nothing for `orphan_silence`, or its tool for `orphan_tool_silence`, while no client was attached",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let logs = view.clients.log.sessions();
    let (turns, early) = (view.agents.turns(), view.agents.early_stops());
    for (known, session) in view.changed() {
        let label = view.names.label(session.id());
        let turns = turns.get(&label).map_or(&[][..], Vec::as_slice);
        // Most sessions stop no turn, and the claim is judged after each event.
        if !early.contains_key(&label) && turns.iter().all(|turn| turn.stop.is_none()) {
            continue;
        }
        let (log, id) = (logs.get(session.id().as_str()), session.id().as_str());
        let mut judge = |place: usize, stop: Stop, asked: Option<Case>| {
            // Those of an earlier process, which may have had other settings, were judged then.
            if view.was_judged(known, stop.at) {
                return;
            }
            let broken = || {
                let detail = format!(
                    "a turn of session {label} was stopped at {} without cause; its agent had reported {} before",
                    stop.at, stop.silence
                );
                Case::failed(&*label, detail)
            };
            let ends = || has_to_end(view, log, id, stop).unwrap_or_else(broken);
            cases.look(turn_place(known, place), asked.unwrap_or_else(ends));
        };
        for (place, turn) in turns.iter().enumerate() {
            if let Some(stop) = turn.stop.filter(|stop| stop.has_begun) {
                judge(
                    place.min(EARLY - 1),
                    stop,
                    log.is_some_and(|log| is_asked(log, &turns[..=place], stop)).then_some(Case::Held),
                );
            }
        }
        for (place, early) in early.get(&label).into_iter().flatten().enumerate() {
            // Without a prompt that has not begun it came after the end of the turn before.
            let Some((log, stop)) = log.and_then(|log| Some((log, stop_of_unbegun(log, early)?))) else { continue };
            // If the agent has found its turn stopped, it is known which turn that was.
            let is_it = |stop: Stop| !stop.has_begun && stop.at == early.stop.at;
            let begun = turns.get(early.turns).filter(|turn| turn.stop.is_some_and(is_it));
            let asked = match begun {
                Some(_) => is_asked(log, &turns[..=early.turns], early.stop).then_some(Case::Held),
                None => asked_early(view, log, turns, early),
            };
            judge(EARLY + place, stop, asked);
        }
    }
}

/// The place of the first stop of a turn that its agent had not begun.
const EARLY: usize = TURNS / 2;

/// The stop of a turn that its agent had not begun; none if all prompts had begun. The agent was silent for no longer than the
/// prompt has been there.
pub(super) fn stop_of_unbegun(log: &SessionLog, early: &EarlyStop) -> Option<Stop> {
    let prompt = unbegun(log, early).next()?;
    Some(Stop { silence: early.stop.silence.min(early.stop.at - prompt.sent_at), ..early.stop })
}

/// The prompts that clients had sent when a turn was stopped early, but for as many as had begun, oldest first.
fn unbegun<'a>(log: &'a SessionLog, early: &EarlyStop) -> impl Iterator<Item = &'a LoggedRequest> + use<'a> {
    let prompts = log.requests.iter().filter(|request| request.method == "prompt.submit");
    let mut sent: Vec<&LoggedRequest> = prompts.filter(|request| request.sent_at <= early.stop.at).collect();
    sent.sort_by_key(|request| request.sent_at);
    sent.into_iter().skip(early.turns)
}

/// The case of the stop of a turn that its agent had not begun, if a client asked for it: with a request to stop, or with another
/// prompt. Excused if a prompt that waited may have stopped something else: a turn whose agent had finished, an undo, or the turn of
/// what a job says or an earlier session has left.
fn asked_early(view: &View<'_>, log: &SessionLog, turns: &[AgentTurn], early: &EarlyStop) -> Option<Case> {
    let before = early.turns.checked_sub(1).and_then(|last| turns.get(last)).and_then(|turn| turn.over);
    let is_late = |request: &&LoggedRequest| {
        request.sent_at <= early.stop.at
            && request.answered.as_ref().is_none_or(|reply| before.is_none_or(|before| reply.at >= before))
    };
    let requests = || log.requests.iter().filter(is_late);
    if requests().any(LoggedRequest::stops) || unbegun(log, early).nth(1).is_some() {
        return Some(Case::Held);
    }
    let has_others = log.inherited > 0 || !view.agents.jobs().is_empty();
    let may_wait = |prompt: &LoggedRequest| prompt.may_be("prompt.submit", &["queued"]);
    (has_others || requests().any(may_wait)).then_some(Case::Excused(Excuse::ChangedMeanwhile))
}

/// Whether a client asked for the stop of the last of these turns: with a request to stop, or with another prompt, that the
/// gateway may have carried out since the turn before.
fn is_asked(log: &SessionLog, turns: &[AgentTurn], stop: Stop) -> bool {
    let Some((turn, earlier)) = turns.split_last() else { return false };
    let before = earlier.last().and_then(|turn| turn.over);
    let is_meant = |request: &&LoggedRequest| {
        let is_late = request.answered.as_ref().is_none_or(|reply| before.is_none_or(|before| reply.at >= before));
        request.sent_at <= stop.at && is_late
    };
    let is_prompt = |request: &LoggedRequest| request.method == "prompt.submit";
    let is_same = |request: &&LoggedRequest| is_prompt(request) && request.text == turn.prompt;
    let sent_by = |at| log.requests.iter().filter(is_same).filter(|request| request.sent_at <= at).count();
    // Of the prompts with the text of this turn, as many as have begun are no others. The first turns of a session may carry out
    // stored input of an earlier one, and so does a turn that began before there was a request for it.
    let same = turns.iter().skip(log.inherited).filter(|other| other.prompt == turn.prompt);
    let begun = same.fold(0, |begun, other| begun + usize::from(sent_by(other.began) > begun));
    let sent = sent_by(stop.at);
    let is_another = |request: &LoggedRequest| is_prompt(request) && (request.text != turn.prompt || sent > begun);
    log.requests.iter().filter(is_meant).any(|request| request.stops() || is_another(request))
}

/// The case of a stop because the session ends with its connection or the process, or because the agent hangs without a client.
pub(super) fn has_to_end(view: &View<'_>, log: Option<&SessionLog>, session: &str, stop: Stop) -> Option<Case> {
    let connections = view.clients.log.connections();
    let (settings, grace) = (view.settings(), view.settings().orphan_grace);
    let silence = if stop.in_tool { settings.longest_tool_silence() } else { settings.orphan_silence };
    let hangs = silence > Millis::ZERO && grace > Millis::ZERO && stop.silence >= silence;
    let was_alone = connections.held_since(session).is_none_or(|since| since + grace > stop.at);
    if view.process.was_signalled(stop.at) || hangs && was_alone {
        return Some(Case::Held);
    }
    match log.and_then(|log| log.closes_on_disconnect) {
        Some(true) if connections.has_lost(session) => Some(Case::Held),
        // The request of another connection that has ended since may have attached the session to it.
        Some(true) if connections.may_have_ended() => Some(Case::Excused(Excuse::LineInDoubt)),
        None if may_close(view) && connections.may_have_ended() => Some(Case::Excused(Excuse::LineInDoubt)),
        _ => None,
    }
}

/// Whether a session whose creation no client has seen may be one that is closed with its connection.
pub(super) fn may_close(view: &View<'_>) -> bool {
    let creates = |step: &Step| match &step.action {
        Action::Request(RequestStep::Create { on_disconnect, .. }) => *on_disconnect == OnDisconnect::Close,
        Action::Request(_) | Action::Connection(_) | Action::Process(_) => false,
    };
    view.scenario.steps.iter().any(creates)
}

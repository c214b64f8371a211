//! Nothing that was accepted is lost (hermes-agent#99882, opencode#5333): a prompt that waits and words to a turn become a
//! message, or wait in the rows for the next resume of their conversation. So it is after a kill, a signal, an interrupt and the
//! end of a session that no client has closed.
//!
//! The claim counts by conversation and text, from the answers that clients have received. What a job has said counts too.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Uptime;
use gateway_core::store::{NewMessage, Role, StoredId};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::{LoggedRequest, NOT_CLOSED, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "accepted_prompts_are_carried_out",
    about: "at rest, every prompt and steer that was answered as accepted is in a message or waits in the rows, unless a client has closed its session or deleted its conversation",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    let logs = view.clients.log.sessions();
    if logs.values().all(|log| log.queued.is_empty() && log.steers.is_empty() && !log.requests.iter().any(is_steered)) {
        return;
    }
    let mut conversations: BTreeMap<&StoredId, Vec<&SessionLog>> = BTreeMap::new();
    for log in logs.values() {
        if let Some(row) = &log.stored {
            conversations.entry(view.rows.first(row)).or_default().push(log);
        }
    }
    conversations.into_iter().for_each(|(first, logs)| each_text(view, first, &logs, cases));
}

/// Judges each text that was accepted for later in a conversation.
fn each_text(view: &View<'_>, first: &StoredId, logs: &[&SessionLog], cases: &mut Cases<'_>) {
    let requests = || logs.iter().flat_map(|log| &log.requests);
    let texts: BTreeSet<&str> = requests().filter(|request| is_accepted(request)).map(LoggedRequest::said).collect();
    for said in texts {
        if view.rows.lost_a_row(first) {
            cases.add(Case::Excused(Excuse::RowDeleted));
            continue;
        }
        let is_meant =
            |request: &&LoggedRequest| is_accepted(request) || request.was_answered("prompt.submit", &["streaming"]);
        // A request with a key that was sent again is one.
        let is_first = |request: &&LoggedRequest| {
            let same = |other: &&LoggedRequest| other.key == request.key && is_meant(other);
            request.key.is_none() || requests().find(same).is_some_and(|other| other.is_same(request))
        };
        // The key may have been used in another conversation first.
        let is_used_elsewhere = |request: &&LoggedRequest| {
            let all = view.clients.log.sessions();
            let mut others = all.values().filter(|log| !logs.iter().any(|own| std::ptr::eq(*own, *log)));
            request.repeats && others.any(|log| log.requests.iter().any(|other| other.key == request.key))
        };
        let accepted = requests().filter(|request| request.said() == said).filter(is_meant).filter(is_first);
        let accepted = accepted.filter(|request| !is_used_elsewhere(request)).count();
        let stored = view.rows.all_messages(first).iter().map(|message| times(message, said)).sum::<usize>();
        let kept = stored + waiting(view, first, said);
        cases.add(match accepted {
            _ if kept >= accepted => Case::Held,
            _ if kept + cancelled(view, first, logs, said) + cut_off(view, first, said) >= accepted => Case::Excused(Excuse::MayBeCancelled),
            _ => {
                let row = view.rows.alias(first);
                let detail = format!(
                    "the conversation of row {row} accepted {said:?} {accepted} times, of which {kept} are in messages or wait"
                );
                Case::failed(row, detail)
            }
        });
    }
}

/// How many inputs with this text clients have cancelled by a close: those that were deleted from the rows during the request, also
/// when an earlier session of the conversation had left them; of a release that keeps them in memory, those that were accepted in a
/// session that a client has closed. A client receives an error for each.
fn cancelled(view: &View<'_>, first: &StoredId, logs: &[&SessionLog], said: &str) -> usize {
    let closes = || logs.iter().flat_map(|log| &log.requests).filter(|request| request.method == "session.close");
    let is_closing = |at: Uptime| {
        let is_done = |close: &LoggedRequest| close.answered.as_ref().is_some_and(|reply| reply.at < at);
        closes().any(|close| close.sent_at <= at && !is_done(close))
    };
    let in_rows = view.rows.cancelled().iter().filter(|(at, input)| input.text == said && is_closing(*at));
    let in_rows = in_rows.filter(|(_, input)| view.rows.first(&input.session) == first).count();
    let closed_after = |log: &SessionLog, accepted: &LoggedRequest| {
        let closes = log.requests.iter().filter(|request| request.method == "session.close");
        let mut closes = closes.filter(|close| !close.was("session.close", &[NOT_CLOSED]));
        closes.any(|close| close.answered.as_ref().is_none_or(|reply| reply.at >= accepted.sent_at))
    };
    let of_log = |log: &SessionLog| {
        let is_it = |request: &&LoggedRequest| is_accepted(request) && request.said() == said;
        log.requests.iter().filter(is_it).filter(|request| closed_after(log, request)).count()
    };
    in_rows.max(logs.iter().copied().map(of_log).sum())
}

/// How often the text is in messages that a client has cut off the conversation before the store took them.
fn cut_off(view: &View<'_>, first: &StoredId, said: &str) -> usize {
    view.rows.cut_off(first).iter().map(|message| times(message, said)).sum()
}

/// Whether it was accepted for later.
fn is_accepted(request: &LoggedRequest) -> bool {
    request.was_answered("prompt.submit", &["queued"])
        || request.was_answered("session.steer", &["queued"])
        || is_steered(request)
}

fn is_steered(request: &LoggedRequest) -> bool {
    request.was_answered("prompt.submit", &["steered"])
}

/// How often a message holds the text: as a prompt, as one of several that were merged, or as words that a turn has read.
fn times(message: &NewMessage, text: &str) -> usize {
    let content = message.content.as_deref().unwrap_or_default();
    match message.role {
        Role::Assistant => 0,
        Role::User if content == text => 1,
        Role::User | Role::Tool => {
            let parts = content.split("\n\n").map(|part| part.strip_prefix("User guidance: ").unwrap_or(part));
            parts.filter(|part| *part == text).count()
        }
    }
}

/// How many inputs with this text wait: in the rows, or in the memory of an old release.
fn waiting(view: &View<'_>, first: &StoredId, text: &str) -> usize {
    let inputs = view.rows.inputs().iter().filter(|input| view.rows.first(&input.session) == first);
    let in_rows = inputs.filter(|input| input.text == text).count();
    let in_memory = view.live.iter().map(|session| {
        session.read(|record| {
            let is_its = view.rows.first(&record.agent.row) == first;
            let steers = record.turn.iter().flat_map(|turn| &turn.steers);
            record.queue.iter().chain(steers).filter(|queued| is_its && queued.is_in_memory(text)).count()
        })
    });
    in_rows + in_memory.sum::<usize>()
}

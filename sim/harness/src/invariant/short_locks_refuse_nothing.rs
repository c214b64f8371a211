//! A lock of some seconds that another process holds on the database refuses no prompt (hermes-agent#74478): the write waits for
//! `busy_timeout`, 30 s if it is not set.
//!
//! The simulator knows which writes of a conversation were refused since the request was sent, and why. If none was, a call that
//! broke for another reason may be behind the refusal.

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::{Answer, SentRequest};
use crate::world::mirror::Why;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "short_locks_refuse_nothing",
    about: "no prompt or steer is refused as not stored while the only fault is another process that holds the database for less than `busy_timeout`",
    claim: Claim::Frames(check),
};

/// The error code of input that could not be stored.
const STORAGE: i64 = 5071;

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("prompt.submit").for_each(|answer| cases.add(case(view, answer)));
    view.clients.answers_to("session.steer").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    let sent_at = answer.request.sent_at;
    let (is_broken, has_waited) = (view.store.broken_at >= Some(sent_at), view.store.waited_since(sent_at));
    match answer.result {
        // No lock of another process has to do with it.
        Err(STORAGE) if is_broken && !has_waited => Case::NotConcerned,
        Err(STORAGE) => {
            let refused = refused(view, answer);
            match is_broken && !refused.contains(&Why::ShortLock) {
                true if refused.is_empty() => Case::Excused(Excuse::WriteRefused),
                true => Case::NotConcerned,
                false => broken(answer),
            }
        }
        _ if has_waited => Case::Held,
        _ => Case::NotConcerned,
    }
}

fn broken(answer: &Answer) -> Case {
    let SentRequest { client, method, sent_at, .. } = &answer.request;
    Case::failed(
        client.clone(),
        format!("{method} of {client}, sent at {sent_at}, was refused because of a short lock"),
    )
}

/// Why writes of its conversation were refused since it was sent.
fn refused(view: &View<'_>, answer: &Answer) -> Vec<Why> {
    let logs = view.clients.log.sessions();
    let log = answer.request.params["session_id"].as_str().and_then(|session| logs.get(session));
    let row = log.and_then(|log| log.stored.as_ref());
    row.into_iter().flat_map(|row| view.rows.refused_inputs(row, answer.request.sent_at)).collect()
}

//! A lock of some seconds that another process holds on the database refuses no prompt (hermes-agent#74478): the write waits for
//! `busy_timeout`, 30 s if it is not set.
//!
//! The simulator knows which calls of the store have failed, and why. A call that broke for another reason since the request was
//! sent explains any refusal.

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::Answer;

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
        Err(STORAGE) if is_broken && has_waited => Case::Excused(Excuse::WriteRefused),
        // No lock of another process has to do with it.
        Err(STORAGE) if is_broken => Case::NotConcerned,
        Err(STORAGE) => {
            let client = &answer.client;
            let detail = format!(
                "{} of {client}, sent at {sent_at}, was refused because of a short lock",
                answer.request.method
            );
            Case::failed(client.clone(), detail)
        }
        _ if has_waited => Case::Held,
        _ => Case::NotConcerned,
    }
}

//! A prompt that replaces earlier ones replaces those that it names, or is refused (A19 of the catalogue): no client loses
//! messages that it did not name, or continues after messages that it took for replaced.

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "truncating_prompts_apply_or_fail",
    about: "a prompt that replaces earlier ones is accepted only if it names one and starts at once",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let answers = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if answer.request.method == "prompt.submit" => Some(answer),
        _ => None,
    });
    answers.filter_map(|answer| breach(view, answer)).collect()
}

fn breach(view: &View<'_>, answer: &Answer) -> Option<Breach> {
    let ordinal = answer.request.params["truncate_before_user_ordinal"].as_i64()?;
    let status = answer.result.as_ref().ok()?["status"].as_str().unwrap_or_default();
    let what = match status {
        _ if ordinal < 0 => format!("replaces messages from number {ordinal} on, which does not exist"),
        "streaming" => return None,
        _ => format!("was to replace the messages from number {ordinal} on, but is {status}"),
    };
    let session = view.label(answer.request.session());
    Some(Breach { detail: format!("a prompt to session {session} {what}"), subject: session })
}

//! A prompt that replaces earlier ones replaces those that it names, or is refused (A19 of the catalogue): no client loses
//! messages that it did not name, or continues after messages that it took for replaced.

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::Answer;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "truncating_prompts_apply_or_fail",
    about: "a prompt that replaces earlier ones is accepted only if it names one and starts at once",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("prompt.submit").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    let ordinal = answer.request.params["truncate_before_user_ordinal"].as_i64();
    let Some(ordinal) = ordinal else { return Case::NotConcerned };
    // An error is a refusal.
    let Ok(result) = &answer.result else { return Case::Held };
    let status = result["status"].as_str().unwrap_or_default();
    let what = match status {
        _ if ordinal < 0 => format!("replaces messages from number {ordinal} on, which does not exist"),
        "streaming" => return Case::Held,
        _ => format!("was to replace the messages from number {ordinal} on, but is {status}"),
    };
    let session = view.label(answer.request.session());
    let detail = format!("a prompt to session {session} {what}");
    Case::failed(session, detail)
}

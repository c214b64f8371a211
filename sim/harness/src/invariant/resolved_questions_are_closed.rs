//! A question that is no longer open is taken off the screens on which it stands (openai/codex#12560): another client has answered
//! it, it has timed out, its turn was interrupted or its session was ended.
//!
//! When a question was over is in the agents' own log, and what a client shows follows from the frames that it received. A
//! connection that was cut, or whose client read nothing for a while, is not judged.

use gateway_core::clock::{Millis, Uptime};

use super::{Claim, Condition, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "resolved_questions_are_closed",
    about: "each client that shows a question learns within two frame delays that it is no longer open",
    claim: Claim::Within { bound: |scenario| bound::frame(scenario).times(2), begun },
};

fn begun(view: &View<'_>, within: Millis) -> Vec<Condition> {
    let (screens, connections) = (view.clients.log.screens(), view.clients.log.connections());
    let mut conditions = Vec::new();
    for (client, session, screen) in screens.all().filter(|(_, _, screen)| !screen.dialogs.is_empty()) {
        if !connections.is_sound(client) {
            continue;
        }
        for id in screen.dialogs.keys() {
            if let Some(over) = view.agents.question_over(id) {
                let subject = format!("question {id} of {} on the screen of {client}", view.label(session));
                conditions.push(Condition { subject, era: over, within, detail });
            }
        }
    }
    conditions
}

fn detail(question: &str, since: Uptime) -> String {
    format!("{question} is over, and still shown since {since}")
}

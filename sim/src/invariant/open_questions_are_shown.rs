//! Whoever has a session is told of the question that is open there, also one who has come back to it or has taken it
//! over (A20 of the catalogue): otherwise they see a session at work, and the agent waits until its time is over.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::Attachment;
use gateway_core::state::{Registry, Session};

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "open_questions_are_shown",
    about: "the client that has a session knows of the question that is open there",
    claim: Claim::Within(begun),
};

/// How long the news of a death may take to reach the gateway, beside the way.
const LATE: Millis = Millis(10);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    let asking = view.live.iter().filter_map(|session| unaware(view, sessions, session));
    let within = view.bounds.frame.times(2) + LATE;
    asking.map(|subject| Condition { subject, era: Uptime::default(), within, detail }).collect()
}

/// A question, as the session and what it is answered by, of which the client that has the session has not heard.
fn unaware(view: &View<'_>, sessions: &Registry, session: &Session) -> Option<String> {
    session.read(|record| {
        let question = record.question.as_ref()?;
        let Attachment::Attached(connection) = &record.attachment else { return None };
        let (client, id) = (connection.name(), session.id().as_str());
        let unaware =
            sessions.is_linked(connection) && !view.told.knows(client, id, question.kind.event(), &question.id);
        unaware.then(|| format!("{}'s question to {client}", view.names.label(session.id())))
    })
}

fn detail(question: &str, since: Uptime) -> String {
    format!("{question} is open, and since {since} nobody has told of it")
}

//! The attached client knows the open question of its session, also after it has reconnected or taken the session over (A20 of
//! the catalogue): otherwise it sees a busy session while the agent waits for its timeout.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::Attachment;
use gateway_core::state::{Registry, Session};

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "open_questions_are_shown",
    about: "the client attached to a session receives its open question within two frame delays",
    claim: Claim::Within(begun),
};

/// How long the gateway may take to detect the end of a connection, without the frame delay.
const LATE: Millis = Millis(10);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    let asking = view.live.iter().filter_map(|session| unaware(view, sessions, session));
    let within = view.bounds.frame.times(2) + LATE;
    asking.map(|subject| Condition { subject, era: Uptime::default(), within, detail }).collect()
}

/// The question that the attached client has not received, as text. `None`: there is none.
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
    format!("{question} is open, and was not sent since {since}")
}

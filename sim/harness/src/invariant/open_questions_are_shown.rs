//! The attached client knows the open question of its session, also after it has reconnected or taken the session over (A20 of
//! the catalogue): otherwise it sees a busy session while the agent waits for its timeout.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::ids::ConnectionId;
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "open_questions_are_shown",
    about: "each client attached to a session receives its open question within two frame delays",
    claim: Claim::OfSession { bound: |scenario| bound::frame(scenario).times(2), begun },
};

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    unaware(view, session)
        .into_iter()
        .map(|subject| Condition { subject, era: Uptime::default(), within: bound, detail })
        .collect()
}

/// The question that attached clients have not received, as text for each.
fn unaware(view: &View<'_>, session: &Session) -> Vec<String> {
    session.read(|record| {
        let Some(question) = &record.question else { return Vec::new() };
        let id = session.id().as_str();
        // No frame reaches a client that has gone or reads nothing, and the gateway may learn of that only after the writes of
        // the request at hand.
        let is_unaware = |connection: &&ConnectionId| {
            let shows = || view.clients.log.shows(connection.name(), id, question.kind.event(), &question.id);
            view.reaches_client(connection) && !shows()
        };
        let label = view.names.label(session.id());
        record.hearers().filter(is_unaware).map(|to| format!("{label}'s question to {}", to.name())).collect()
    })
}

fn detail(question: &str, since: Uptime) -> String {
    format!("{question} is open, and was not sent since {since}")
}

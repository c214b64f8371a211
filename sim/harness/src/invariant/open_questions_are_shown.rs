//! The attached client knows the open question of its session, also after it has reconnected or taken the session over (A20 of
//! the catalogue): otherwise it sees a busy session while the agent waits for its timeout.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::Attachment;
use gateway_core::state::{Registry, Session};
use sim_scenario::{NetworkSettings, Scenario};

use super::{Claim, Condition, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "open_questions_are_shown",
    about: "the client attached to a session receives its open question within two frame delays",
    claim: Claim::Within { bound: |scenario| frame_delay(scenario).times(2) + LATE, begun },
};

/// How long the gateway may take to detect the end of a connection, without the frame delay.
const LATE: Millis = Millis(10);

/// How long a frame may be in transit.
fn frame_delay(scenario: &Scenario) -> Millis {
    let Scenario { gateway, network, steps, .. } = scenario;
    let lag = steps.iter().filter_map(|step| step.action.latency());
    // A client that reads its frames one at a time has read them at the latest when it is disconnected; a client that reads
    // nothing, never.
    let backlog = match steps.iter().any(|step| step.action.entry().withholds_frames) {
        true => bound::timers(gateway),
        false if network.buffer < NetworkSettings::default().buffer => gateway.write_timeout,
        false => Millis::ZERO,
    };
    lag.fold(network.latency.max, Millis::max) + backlog
}

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    let asking = view.live.iter().filter_map(|session| unaware(view, sessions, session));
    asking.map(|subject| Condition { subject, era: Uptime::default(), within: bound, detail }).collect()
}

/// The question that the attached client has not received, as text. `None`: there is none.
fn unaware(view: &View<'_>, sessions: &Registry, session: &Session) -> Option<String> {
    session.read(|record| {
        let question = record.question.as_ref()?;
        let Attachment::Attached(connection) = &record.attachment else { return None };
        let (client, id) = (connection.name(), session.id().as_str());
        let unaware =
            sessions.is_linked(connection) && !view.clients.log.knows(client, id, question.kind.event(), &question.id);
        unaware.then(|| format!("{}'s question to {client}", view.names.label(session.id())))
    })
}

fn detail(question: &str, since: Uptime) -> String {
    format!("{question} is open, and was not sent since {since}")
}

//! The attached client knows the open question of its session, also after it has reconnected or taken the session over (A20 of
//! the catalogue): otherwise it sees a busy session while the agent waits for its timeout.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::Attachment;
use gateway_core::state::Session;
use sim_scenario::{NetworkSettings, Scenario};

use super::{Claim, Condition, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "open_questions_are_shown",
    about: "the client attached to a session receives its open question within two frame delays",
    claim: Claim::Within { bound: |scenario| frame_delay(scenario).times(2), begun },
};

/// How long a frame may be in transit.
fn frame_delay(scenario: &Scenario) -> Millis {
    let Scenario { gateway, network, steps, .. } = scenario;
    let lag = steps.iter().filter_map(|step| step.action.latency());
    // Frames wait for room in a small buffer, or in one that was full when its client read nothing. A client that does not
    // read them within the write timeout is disconnected; zero is no timeout.
    let withheld = steps.iter().any(|step| step.action.entry().withholds_frames);
    let backlog = match withheld || network.buffer < NetworkSettings::default().buffer {
        true if gateway.write_timeout == Millis::ZERO => bound::timers(gateway),
        true => gateway.write_timeout,
        false => Millis::ZERO,
    };
    lag.fold(network.latency.max, Millis::max) + backlog
}

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let asking = view.live.iter().filter_map(|session| unaware(view, session));
    asking.map(|subject| Condition { subject, era: Uptime::default(), within: bound, detail }).collect()
}

/// The question that the attached client has not received, as text. `None`: there is none.
fn unaware(view: &View<'_>, session: &Session) -> Option<String> {
    session.read(|record| {
        let question = record.question.as_ref()?;
        let Attachment::Attached(connection) = &record.attachment else { return None };
        let (client, id) = (connection.name(), session.id().as_str());
        // No frame reaches a client that has gone or reads nothing, and the gateway may learn of that only after the writes of
        // the request at hand.
        let unaware =
            view.reaches_client(connection) && !view.clients.log.knows(client, id, question.kind.event(), &question.id);
        unaware.then(|| format!("{}'s question to {client}", view.names.label(session.id())))
    })
}

fn detail(question: &str, since: Uptime) -> String {
    format!("{question} is open, and was not sent since {since}")
}

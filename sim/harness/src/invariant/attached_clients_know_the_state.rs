//! A client that has a session knows its state (hermes-agent#83716, hermes-agent#55564): whether a turn runs. That holds also for a
//! client that gets a session back because another one left, and with `fan_out` for each client of a session, which also hears
//! each event. Open questions have a claim of their own.
//!
//! What a client knows follows from the frames of its connection, and which client was given a session last from the answers that
//! clients received. Where two clients asked for a session at the same time, or the gateway may not know yet that one has left, that is
//! not clear, and the session is not judged until it is given again. What is so follows from the work of the agents; that nothing runs,
//! from the tasks of the gateway and the turns of its records.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View, bound};
use crate::world::client_log::{Screens, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "attached_clients_know_the_state",
    about: "a client that has a session knows within two frame delays whether a turn runs, and with `fan_out` hears every event",
    claim: Claim::OfSession { bound: |scenario| bound::frame(scenario).times(2), begun },
};

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    let (screens, logs) = (view.clients.log.screens(), view.clients.log.sessions());
    let id = session.id().as_str();
    let judged: Vec<&str> = match view.settings().fan_out {
        true => screens.holders(id).collect(),
        false => screens.last_holder(id).into_iter().collect(),
    };
    let condition = |client| {
        let (what, era) = mistake(view, &screens, logs.get(id), session, client)?;
        let subject = format!("{client} {what} {}", view.names.label(session.id()));
        Some(Condition { subject, era, within: bound + view.slack(), detail })
    };
    judged.into_iter().filter_map(condition).collect()
}

/// What the client does not know of the session, and since when in terms of what it has received.
fn mistake(
    view: &View<'_>,
    screens: &Screens,
    log: Option<&SessionLog>,
    session: &Session,
    client: &str,
) -> Option<(&'static str, Uptime)> {
    let id = session.id().as_str();
    let connections = view.clients.log.connections();
    if !connections.is_sound(client) || session.read(|record| record.stage != SessionStage::Open) {
        return None;
    }
    let screen = screens.of(client, id)?;
    let label = view.names.label(session.id());
    let turns = view.agents.turns();
    let turn = turns.get(&label).and_then(|turns| turns.last()).filter(|turn| turn.over.is_none());
    let is_idle = || !view.has_turn(&label) && !session.read(|record| record.is_running());
    let found = match turn {
        Some(turn) if !screen.is_running => Some(("does not know that a turn runs in", turn.began)),
        None if screen.is_running && is_idle() => Some(("does not know that no turn runs in", Uptime::default())),
        Some(_) | None => None,
    };
    let heard = || {
        let (heard, latest) = (log?.followed_to(client)?, log?.latest()?);
        let is_behind = view.settings().fan_out && heard < latest;
        is_behind.then_some(("has not heard the last events of", Uptime(heard)))
    };
    // A request under way may give the session to another client.
    found.or_else(heard).filter(|_| view.settings().fan_out || !view.clients.log.may_be_given(id, client))
}

fn detail(what: &str, since: Uptime) -> String {
    format!("{what} since {since}")
}

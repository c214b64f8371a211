//! An ended session does no more work (I7 of spec §15): no turn starts, none keeps running, and no client is sent an
//! event of it.
//!
//! A session has ended when it has left the registry and its row has its end; its turns are tasks of the simulator. Its events are
//! judged from the answer on that it is closed: the frames that the gateway puts on the line of the same client, and on lines
//! that always had room, where none can have waited since before.

use gateway_core::lifecycle::close::is_foreign;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ended_sessions_are_silent",
    about: "no turn runs for an ended session, and no client is sent an event of a session after the answer that it is closed",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let (logs, turns) = (view.clients.log.sessions(), view.agents.turns());
    for (place, session) in view.changed() {
        let life = &view.lives[place];
        if life.until.is_none() {
            continue;
        }
        let (label, log) = (view.names.label(session.id()), logs.get(session.id().as_str()));
        let has_begun =
            turns.get(&label).is_some_and(|turns| turns.last().is_some_and(|turn| Some(turn.began) > life.until));
        let row = log.and_then(|log| log.stored.as_ref()).and_then(|row| view.rows.row(&view.rows.newest(row)));
        let is_open = row.is_some_and(|row| row.ended_at.is_none() && !is_foreign(&row.source));
        let case = match log.and_then(|log| log.heard_after_close.as_ref()) {
            Some(client) => {
                Case::failed(&*label, format!("{client} was sent an event of session {label}, which was closed"))
            }
            None if view.has_turn(&label) && (has_begun || !is_open) => {
                Case::failed(&*label, format!("a turn runs for session {label}, which is ended"))
            }
            None => Case::Held,
        };
        cases.look(place, case);
    }
}

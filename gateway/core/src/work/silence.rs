//! How long the agent of a turn has been silent, for which it is stopped once no client is attached.

use crate::lifecycle::grace::Silence;
use crate::state::{Gateway, Session};

/// Notes that the agent of the turn has been built, has begun to work, or has reported something: one that reports nothing for
/// long counts as hung.
pub(crate) fn ends(gateway: &Gateway, session: &Session) {
    if gateway.behavior.grace.silence() == Silence::SinceStart {
        return;
    }
    let now = gateway.env.now().uptime;
    session.change(|record| {
        if let Some(turn) = &mut record.turn {
            turn.reported = now;
        }
    });
}

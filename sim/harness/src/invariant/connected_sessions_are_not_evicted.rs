//! A session leaves a connected client only through that client (I8 of spec §15): neither the end of another connection nor a
//! slow write detaches it, and no reaper ends it as idle.

use gateway_core::record::{Attachment, Record};
use gateway_core::state::{Registry, Session};
use gateway_core::store::EndReason;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "connected_sessions_are_not_evicted",
    about: "no session of a connected client is detached by another connection, or ended by the idle reaper or the cap",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // A process that is down has no connections.
    let Some(sessions) = view.sessions else { return };
    for (place, session) in view.changed() {
        cases.look(place, case(view, sessions, place, session));
    }
}

fn case(view: &View<'_>, sessions: &Registry, place: usize, session: &Session) -> Case {
    let had = |record: &Record| record.before.iter().rfind(|connection| sessions.is_linked(connection)).cloned();
    let reason = || view.end_of(place, session).and_then(|end| end.row).map(|row| row.reason);
    let is_evicted = || matches!(reason(), Some(EndReason::IdleTimeout | EndReason::LruEvict));
    let found = session.read(|record| match &record.attachment {
        Attachment::Detached { since, from: Some(connection) } if sessions.is_linked(connection) => {
            Some(format!("was detached at {since} from {}, which is connected", connection.name()))
        }
        Attachment::Detached { since, .. } => had(record).map(|connection| {
            let name = connection.name();
            format!("was detached at {since}, though {name} was attached before and is connected")
        }),
        Attachment::Attached(connection) if sessions.link_of(connection).is_some_and(|link| link.is_silenced()) => {
            Some(format!("sends nothing to {}, which is attached and connected", connection.name()))
        }
        Attachment::Attached(connection) if sessions.is_linked(connection) && is_evicted() => {
            Some(format!("was ended as idle or over the cap, though {} is attached", connection.name()))
        }
        _ => None,
    });
    let Some(what) = found else { return Case::Held };
    let session = view.names.label(session.id());
    Case::failed(&*session, format!("session {session} {what}"))
}

//! A session is taken from a client only by that client's own leaving (I8 of spec §15): neither the end of another's
//! connection silences it, nor a write that took long, nor does a reaper end it for being idle.

use gateway_core::record::Actor;
use gateway_core::record::{Attachment, Record};
use gateway_core::state::{Registry, Session};

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "connected_sessions_are_not_evicted",
    about: "no session is taken from a connected client by another's leaving, the idle reaper or the cap",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    view.known.iter().filter_map(|session| breach(view, sessions, session)).collect()
}

fn breach(view: &View<'_>, sessions: &Registry, session: &Session) -> Option<Breach> {
    let had = |record: &Record| record.before.iter().rfind(|connection| sessions.is_linked(connection)).cloned();
    let what = session.read(|record| match &record.attachment {
        Attachment::Detached { since, from: Some(connection) } if sessions.is_linked(connection) => {
            Some(format!("was taken at {since} from {}, who is connected", connection.name()))
        }
        Attachment::Detached { since, .. } => {
            let name = had(record)?.name().to_owned();
            Some(format!("went nowhere at {since}, though {name} had it before and is connected"))
        }
        Attachment::Attached(connection) if sessions.link_of(connection).is_some_and(|link| link.is_silenced()) => {
            Some(format!("is kept from {}, who is connected and hears nothing of it", connection.name()))
        }
        Attachment::Attached(connection) if sessions.is_linked(connection) && is_evicted(record) => {
            Some(format!("was ended for being idle, though {} has it", connection.name()))
        }
        _ => None,
    })?;
    let session = view.names.label(session.id());
    Some(Breach { detail: format!("session {session} {what}"), subject: session })
}

fn is_evicted(record: &Record) -> bool {
    record.ended_by.is_some_and(|ended| matches!(ended.actor, Actor::IdleReaper | Actor::Cap))
}

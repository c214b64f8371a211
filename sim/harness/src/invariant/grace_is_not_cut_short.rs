//! A detached session has a whole grace from the instant at which its last client left (the acceptance rules of a fix of
//! hermes-agent#44045): a timer of an earlier absence does not shorten it.

use gateway_core::actor::Actor;
use gateway_core::record::Attachment;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "grace_is_not_cut_short",
    about: "no session is reaped as an orphan before a whole grace has passed since its last client left",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    if view.events.last_end().is_none() {
        return;
    }
    for (place, session) in view.known.iter().enumerate() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    let ended = view.events.end(session.id()).filter(|ended| ended.actor == Actor::OrphanTimer);
    let Some(ended) = ended else { return Case::NotConcerned };
    session.read(|record| {
        // The gateway cannot learn of the end of a connection before its client has ended it.
        let left = view.clients.log.connections().left_at(session.id().as_str());
        let session = view.names.label(session.id());
        if let Some(left) = left.filter(|left| *left <= ended.at && ended.at < *left + view.settings().orphan_grace) {
            let detail = format!(
                "session {session} is reaped at {}, though its client ended the connection at {left}",
                ended.at
            );
            return Case::failed(session, detail);
        }
        let detail = match record.attachment {
            Attachment::Detached { since, .. } if ended.at >= since + view.settings().orphan_grace => {
                return Case::Held;
            }
            Attachment::Detached { since, .. } => {
                format!("session {session} is reaped at {}, though its client left at {since}", ended.at)
            }
            Attachment::Attached(_) => format!("session {session} is reaped at {}, though it has a client", ended.at),
        };
        Case::failed(session, detail)
    })
}

//! A session with `close_on_disconnect` ends with its connection (spec §2): it gets no grace.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::{Attachment, SessionStage};
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "close_on_disconnect_is_honored",
    about: "a session with `close_on_disconnect` begins to end at most a second after its connection is gone",
    claim: Claim::OfSession { bound: |_| BEGIN, begun },
};

/// The longest time from the end of the connection to the beginning of the end.
const BEGIN: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    let condition =
        |era| Condition { subject: view.names.label(session.id()), era, within: bound + view.slack(), detail };
    left(session).map(condition).into_iter().collect()
}

/// Since when it is open without a client.
fn left(session: &Session) -> Option<Uptime> {
    session.read(|record| match record.attachment {
        Attachment::Detached { since, from: Some(_) } if record.details.close_on_disconnect => {
            (record.stage == SessionStage::Open).then_some(since)
        }
        _ => None,
    })
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still open, though its connection is gone since {since}")
}

//! A client to which a session stays attached receives every event of it (spec §13): the numbers follow each other without a
//! gap, from the creation or the `latest_seq` of a resume on. A client takes a gap for events that it has missed.
//!
//! Only a connection whose client is the only one to have asked for the session is judged: while another client has it, events
//! go there.

use super::{Cases, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "event_numbers_have_no_gaps",
    about: "a client that alone has a session receives its events with consecutive numbers on each connection",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.count_so_far(&view.clients.log.counted().numbers);
    for event in view.clients.events {
        if let ClientEvent::Gap { session, client, before, seq } = event {
            let session = view.label(session);
            let detail = format!("session {session} sent {client} event {seq} after event {before}");
            cases.fail(session, detail);
        }
    }
}

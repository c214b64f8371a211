//! A client to which a session stays attached receives every event of it (spec §13): the numbers follow each other without a
//! gap, from the creation or the `latest_seq` of a resume on. A client takes a gap for events that it has missed.
//!
//! Only a connection whose client is the only one to have asked for the session is judged: while another client has it, events
//! go there.

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::ClientEvent;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "event_numbers_have_no_gaps",
    about: "a client that alone has a session receives its events with consecutive numbers on each connection",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let gaps = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Gap { session, client, before, seq } => Some((session, client, before, seq)),
        _ => None,
    });
    gaps.map(|(session, client, before, seq)| {
        let session = view.label(session);
        let detail = format!("session {session} sent {client} event {seq} after event {before}");
        Breach { subject: session, detail }
    })
    .collect()
}

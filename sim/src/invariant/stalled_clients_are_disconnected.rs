//! A client that takes nothing of what is sent to it is let go after the write timeout (spec §3): else what waits for it
//! grows for ever, and its sessions never get their grace.

use gateway_core::clock::{Millis, Uptime};

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "stalled_clients_are_disconnected",
    about: "a connection ends whose client has taken nothing for the write timeout, while something waits for it",
    claim: Claim::Always(check),
};

/// How long the end may take after the timeout.
const LATE: Millis = Millis(10);

fn check(view: &View<'_>) -> Vec<Breach> {
    // Zero: it may take its time for ever.
    if view.bounds.write_timeout == Millis::ZERO {
        return Vec::new();
    }
    let within = view.bounds.write_timeout + LATE;
    let overdue = view.stalled.iter().filter(|(_, since)| *since + within < view.now);
    overdue.map(|(client, since)| breach(client, *since)).collect()
}

fn breach(client: &str, since: Uptime) -> Breach {
    let detail = format!("{client} has taken nothing since {since}, and is still connected");
    Breach { subject: client.to_owned(), detail }
}

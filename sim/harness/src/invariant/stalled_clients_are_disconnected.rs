//! A client that reads nothing is disconnected after the write timeout (spec §3): otherwise its queue grows without bound, and
//! its sessions never get their grace.

use gateway_core::clock::{Millis, Uptime};

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "stalled_clients_are_disconnected",
    about: "a connection whose client reads nothing while frames wait for it is closed at the write timeout",
    claim: Claim::Always(check),
};

/// The longest time from the timeout to the end of the connection.
const LATE: Millis = Millis(10);

fn check(view: &View<'_>) -> Vec<Breach> {
    // Zero is no timeout.
    if view.settings().write_timeout == Millis::ZERO {
        return Vec::new();
    }
    let within = view.settings().write_timeout + LATE;
    let overdue = view.clients.stalled.iter().filter(|(_, since)| *since + within < view.now);
    overdue.map(|(client, since)| breach(client, *since)).collect()
}

fn breach(client: &str, since: Uptime) -> Breach {
    let detail = format!("{client} has read nothing since {since}, and is still connected");
    Breach { subject: client.to_owned(), detail }
}

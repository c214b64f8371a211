//! A client that reads nothing is disconnected after the write timeout (spec §3): otherwise its queue grows without bound, and
//! its sessions never get their grace.

use gateway_core::clock::{Millis, Uptime};

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "stalled_clients_are_disconnected",
    about: "a connection whose client reads nothing while frames wait for it is closed at the write timeout",
    claim: Claim::Each(check),
};

/// The longest time from the timeout to the end of the connection.
const LATE: Millis = Millis(10);

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // Zero is no timeout.
    if view.settings().write_timeout == Millis::ZERO {
        return;
    }
    let within = view.settings().write_timeout + LATE;
    for (client, since) in view.clients.stalled {
        let place = view.scenario.clients().iter().position(|name| **name == **client).unwrap_or_default();
        cases.look(place, case(client, *since, *since + within < view.now));
    }
}

fn case(client: &str, since: Uptime, is_overdue: bool) -> Case {
    if !is_overdue {
        return Case::Held;
    }
    Case::failed(client, format!("{client} has read nothing since {since}, and is still connected"))
}

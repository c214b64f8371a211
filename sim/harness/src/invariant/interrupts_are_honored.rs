//! An interrupted turn stops (S17 and spec §5), also one that still waits for its agent. Only a tool that cannot be interrupted
//! delays it.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::Record;

use super::{Claim, Condition, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "interrupts_are_honored",
    about: "an interrupted turn is over a second after its tool has finished or stopped and its messages are stored",
    claim: Claim::Within { bound: |scenario| bound::uninterruptible(scenario) + STOP, begun },
};

/// The longest time that a turn may take to stop, without its tool and its writes.
const STOP: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let live = view.live.iter();
    let stopped = |record: &Record| record.turn.as_ref().filter(|turn| turn.interrupted).map(|_| era(record));
    let within = bound + view.slack() + view.slack();
    live.filter_map(|session| {
        let era = session.read(stopped)?;
        Some(Condition { subject: view.names.label(session.id()), era, within, detail })
    })
    .collect()
}

/// Turns that follow each other differ in their beginning.
fn era(record: &Record) -> Uptime {
    record.details.last_active.uptime
}

fn detail(session: &str, since: Uptime) -> String {
    format!("the turn of session {session} still runs, though it is interrupted since {since}")
}

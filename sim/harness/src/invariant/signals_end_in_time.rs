//! A process whose end has a time limit is gone when that is over, whatever its tools and its store do: the one who sent the signal
//! would kill it, and what a last try can store would be lost.

use gateway_core::clock::Millis;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::process::SignalSpan;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "signals_end_in_time",
    about: "a process that has received a signal is gone a second after its time limit",
    claim: Claim::Each(check),
};

/// The time of the last try (spec §11), and a margin for the tasks that are ready at its end.
const AFTER: Millis = Millis(1_010);

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, span) in view.process.signals.iter().enumerate() {
        if let Some(due) = span.due {
            let is_up = span.until.is_none() && view.process.ended.is_none();
            cases.look(place, case(span, is_up && due + AFTER < view.now));
        }
    }
}

fn case(span: &SignalSpan, is_overdue: bool) -> Case {
    if !is_overdue {
        return Case::Held;
    }
    Case::failed("gateway", format!("the process has had a signal since {}, and is still up", span.from))
}

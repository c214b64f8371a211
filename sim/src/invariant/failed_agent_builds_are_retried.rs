//! An agent that could not be built is tried again (A15 of the catalogue): a failure is told when it happens and by the
//! turn that waits for the agent, not by every turn from then on.

use super::{Breach, Claim, Invariant, View};
use crate::rows::Tables;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "failed_agent_builds_are_retried",
    about: "at rest, no more turns have failed for want of an agent than there were agents that could not be built",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &Tables) -> Vec<Breach> {
    let (told, failures) = (view.told.failed_builds(), view.bounds.failures);
    if told <= failures * 2 {
        return Vec::new();
    }
    let detail =
        format!("clients were told {told} times that an agent could not be built, which happened {failures} times");
    vec![Breach { subject: "agents".to_owned(), detail }]
}

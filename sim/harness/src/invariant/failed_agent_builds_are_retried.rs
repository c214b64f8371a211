//! A failed build of an agent is retried (A15 of the catalogue): the failure is reported when it happens and by the turn that
//! waits for the agent, not by every later turn.

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "failed_agent_builds_are_retried",
    about: "at rest, clients were sent at most two errors for each failed build of an agent",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    let (errors, failures) = (view.clients.log.failed_builds(), u64::from(view.scenario.agent.failures));
    let detail = || format!("clients were sent {errors} errors for {failures} failed builds of an agent");
    cases.add(match () {
        () if errors > failures * 2 => Case::failed("agents", detail()),
        () if failures > 0 => Case::Held,
        () => Case::NotConcerned,
    });
}

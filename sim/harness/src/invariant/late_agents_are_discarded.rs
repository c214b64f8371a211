//! An agent that is built after its session has ended is discarded: nothing would close it later (S11 of the catalogue;
//! hermes-agent#49852). An agent that exists at the end is closed then, also by a release that lets it work on.
//!
//! When an agent was built, and whether the gateway still holds it, is in the agents' own log.

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "late_agents_are_discarded",
    about: "an agent that is built after its session has ended is not kept",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let builds = view.agents.builds();
    for (place, session) in view.changed() {
        let Some(until) = view.lives[place].until else { continue };
        let label = view.names.label(session.id());
        let is_kept = builds.get(&label).into_iter().flatten().any(|build| build.at > until && !build.is_dropped);
        let detail = || format!("session {label} got an agent after its end");
        cases.look(place, if is_kept { Case::failed(&*label, detail()) } else { Case::Held });
    }
}

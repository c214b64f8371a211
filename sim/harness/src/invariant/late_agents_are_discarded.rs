//! An agent that is built after its session has ended is discarded: nothing would close it later (S11 of the catalogue;
//! hermes-agent#49852). An agent that exists at the end is closed then, also by a release that lets it work on.

use gateway_core::record::{AgentState, SessionStage};

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "late_agents_are_discarded",
    about: "an ended session has no agent that is built and not closed",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let late = view.known.iter().filter(|session| {
        let has_agent =
            session.read(|record| record.agent.state == AgentState::Ready && record.stage == SessionStage::Finalized);
        has_agent && !view.events.read(session.id(), |events| events.agent_closed)
    });
    late.map(|session| {
        let label = view.names.label(session.id());
        Breach { detail: format!("session {label} got an agent after its end"), subject: label }
    })
    .collect()
}

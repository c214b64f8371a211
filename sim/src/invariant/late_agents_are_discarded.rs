//! An agent that comes to be after its session has ended is let go: nobody will close it any more (S11 of the catalogue;
//! hermes-agent#49852). One that was there at the end is closed then, also by a release that lets it work on.

use gateway_core::record::{AgentState, SessionStage};

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "late_agents_are_discarded",
    about: "a session that is ended gets no agent any more",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let late = view.known.iter().filter(|session| {
        session.read(|record| {
            let there = matches!(record.agent.state, AgentState::Ready) && !record.agent.closed;
            there && record.stage == SessionStage::Finalized
        })
    });
    late.map(|session| {
        let label = view.names.label(session.id());
        Breach { detail: format!("session {label} was ended, and got an agent after that"), subject: label }
    })
    .collect()
}

//! An agent that is built after its session has ended is discarded: nothing would close it later (S11 of the catalogue;
//! hermes-agent#49852). An agent that exists at the end is closed then, also by a release that lets it work on.

use gateway_core::record::{AgentState, SessionStage};
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "late_agents_are_discarded",
    about: "an ended session has no agent that is built and not closed",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.known.iter().enumerate() {
        if session.read(|record| record.stage == SessionStage::Finalized) {
            cases.look(place, case(view, session));
        }
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    let has_agent = session.read(|record| record.agent.state == AgentState::Ready);
    if !has_agent || view.events.read(session.id(), |events| events.agent_closed) {
        return Case::Held;
    }
    let label = view.names.label(session.id());
    let detail = format!("session {label} got an agent after its end");
    Case::failed(label, detail)
}

//! Building agents: what a failure means for later prompts.

use crate::behavior::group;
use crate::session::AgentState;

group! {
    /// Building agents.
    Build "build" {
        /// What becomes of a session whose agent could not be built.
        failure: Failure {
            /// The next prompt tries again.
            TriedAgain "tried_again",
            /// Every later prompt fails with the same text (A15).
            Sticky "sticky",
        }
    }
}

impl Build {
    /// Whether a prompt begins to build the agent.
    pub fn begins(&self, state: &AgentState) -> bool {
        match (state, self.failure) {
            (AgentState::Unbuilt, _) | (AgentState::Failed(_), Failure::TriedAgain) => true,
            (AgentState::Failed(_), Failure::Sticky) | (AgentState::Building | AgentState::Ready(_), _) => false,
        }
    }
}

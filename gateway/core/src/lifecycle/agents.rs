//! Building agents: what a failure means for later prompts, and the session's end for its agent.

use crate::group::group;
use crate::record::AgentState;

group! {
    /// Building agents: retries after a failure, late agents.
    Build "build" {
        /// What a session does after a failed build of its agent.
        failure: Failure {
            /// The next prompt retries the build.
            TriedAgain "tried_again",
            /// Every later prompt fails with the same text (A15).
            Sticky "sticky",
        }
        /// What happens to the agent of an ended session.
        ended: OfEnded {
            /// It is discarded, also if its build finishes later.
            LetGo "let_go",
            /// It is kept, also if its build finishes later, and is never closed (S11): accepted prompts still run
            /// (S10, S30).
            Kept "kept",
        }
    }
}

impl Build {
    /// Whether an ended session keeps its agent.
    pub fn keeps_after_end(&self) -> bool {
        match self.ended {
            OfEnded::LetGo => false,
            OfEnded::Kept => true,
        }
    }

    /// Whether a prompt begins to build the agent.
    pub fn begins(&self, state: &AgentState) -> bool {
        match (state, self.failure) {
            (AgentState::Unbuilt, _) | (AgentState::Failed(_), Failure::TriedAgain) => true,
            (AgentState::Failed(_), Failure::Sticky) | (AgentState::Building | AgentState::Ready, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_begin_once() {
        let begins = |failure, state: &AgentState| Build { failure, ..Build::default() }.begins(state);
        let failed = AgentState::Failed("no model".to_owned());
        for failure in [Failure::TriedAgain, Failure::Sticky] {
            assert!(begins(failure, &AgentState::Unbuilt));
            assert!(!begins(failure, &AgentState::Building) && !begins(failure, &AgentState::Ready));
        }
        assert!(begins(Failure::TriedAgain, &failed) && !begins(Failure::Sticky, &failed));
    }
}

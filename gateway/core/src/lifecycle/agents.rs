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

/// What a prompt that needs the agent does about its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildDecision {
    /// It starts a build.
    Start,
    /// It takes the outcome of the build that was started before.
    Share,
}

impl Build {
    /// What an ended session does with its agent.
    pub fn on_end(&self) -> OfEnded {
        self.ended
    }

    /// What a prompt does about the build of the agent.
    pub fn on_prompt(&self, state: &AgentState) -> BuildDecision {
        match (state, self.failure) {
            (AgentState::Unbuilt, _) | (AgentState::Failed(_), Failure::TriedAgain) => BuildDecision::Start,
            (AgentState::Failed(_), Failure::Sticky) | (AgentState::Building | AgentState::Ready, _) => {
                BuildDecision::Share
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_begin_once() {
        let failed = AgentState::Failed("no model".to_owned());
        let again = [BuildDecision::Start, BuildDecision::Share, BuildDecision::Share, BuildDecision::Start];
        let sticky = [BuildDecision::Start, BuildDecision::Share, BuildDecision::Share, BuildDecision::Share];
        for (failure, expected) in [(Failure::TriedAgain, again), (Failure::Sticky, sticky)] {
            let build = Build { failure, ..Build::default() };
            let states = [&AgentState::Unbuilt, &AgentState::Building, &AgentState::Ready, &failed];
            assert_eq!(states.map(|state| build.on_prompt(state)), expected, "{failure:?}");
        }
    }

    #[test]
    fn agents_of_ended_sessions_are_kept_by_release() {
        assert_eq!(Build::default().on_end(), OfEnded::LetGo);
        assert_eq!(Build { ended: OfEnded::Kept, ..Build::default() }.on_end(), OfEnded::Kept);
    }
}

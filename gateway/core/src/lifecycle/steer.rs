//! Words to a turn that runs: who reads them, and what becomes of those that nobody has read.

use crate::group::group;
use crate::record::{AgentState, Queued, Record, SessionStage};

group! {
    /// Words to a turn that runs.
    Steer "steer" {
        /// What becomes of words that the turn does not read.
        unread: Unread {
            /// They are the next prompt; a session at rest refuses them.
            NextPrompt "next_prompt",
            /// They are lost, though they were accepted (A17).
            Lost "lost",
        }
    }
}

/// What becomes of words to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steered {
    /// They wait until the turn reads them.
    Waits,
    /// They are accepted, and nobody will read them.
    Lost,
    /// They are refused: there is no turn.
    Refused,
    /// There is no agent that could read them.
    NoAgent,
    /// The session is being ended, or brought back.
    Unavailable,
}

impl Steer {
    /// Words have arrived.
    pub fn decide(&self, record: &Record) -> Steered {
        match (&record.agent.state, self.unread) {
            (_, Unread::NextPrompt) if record.stage != SessionStage::Open => Steered::Unavailable,
            _ if record.is_running() => Steered::Waits,
            (AgentState::Ready, Unread::NextPrompt) => Steered::Refused,
            (AgentState::Ready, Unread::Lost) => Steered::Lost,
            (AgentState::Unbuilt | AgentState::Building | AgentState::Failed(_), _) => Steered::NoAgent,
        }
    }

    /// The turn is over: what it has not read goes before the prompts that wait.
    pub fn carry_over(&self, unread: Vec<Queued>, waiting: &mut Vec<Queued>) {
        match self.unread {
            Unread::NextPrompt => drop(waiting.splice(0..0, unread)),
            Unread::Lost => drop(unread),
        }
    }
}

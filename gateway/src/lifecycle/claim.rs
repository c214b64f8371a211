//! Accepting a prompt: may it start, and how its row comes to be.

use crate::behavior::group;
use crate::config::BusyInput;
use crate::session::{Record, Stage};

group! {
    /// Accepting a prompt.
    Claim "claim" {
        /// What becomes of a prompt to a session at work.
        busy: BusyPrompt {
            /// What `busy_input_mode` says: it waits its turn, and may interrupt the one that runs.
            Policy "policy",
            /// It is refused.
            Reject "reject",
        }
        /// How the first prompt's row is inserted.
        row: RowInsert {
            /// In one transaction with the prompt; then the code looks whether the session is still open.
            WithPrompt "with_prompt",
            /// On its own, errors ignored, without a look: a close in between leaves an open row (S8).
            PlainInsert "plain_insert",
        }
    }
}

/// What becomes of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It holds the session and starts.
    Start,
    /// Another turn holds the session: it is refused.
    Refuse,
    /// Another turn holds the session: it waits.
    Enqueue,
    /// Another turn holds the session: that turn is interrupted, and it waits.
    EnqueueAndInterrupt,
    /// The session is being ended, or brought back.
    Unavailable,
}

/// How the row of a prompt is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstWrite {
    /// Row and prompt together; a failure refuses the prompt.
    RowAndPrompt,
    /// The row alone; a failure is ignored.
    RowAlone,
}

impl Claim {
    /// A prompt has arrived.
    pub fn decide(&self, record: &Record, mode: BusyInput) -> Claimed {
        match record.stage {
            Stage::Open if record.is_running() => match (self.busy, mode) {
                (BusyPrompt::Policy, BusyInput::Interrupt) => Claimed::EnqueueAndInterrupt,
                (BusyPrompt::Policy, BusyInput::Queue) => Claimed::Enqueue,
                (BusyPrompt::Reject, _) => Claimed::Refuse,
            },
            Stage::Open => Claimed::Start,
            Stage::Opening | Stage::Closing | Stage::Finalized => Claimed::Unavailable,
        }
    }

    /// What is written before the prompt is accepted.
    pub fn first_write(&self) -> FirstWrite {
        match self.row {
            RowInsert::WithPrompt => FirstWrite::RowAndPrompt,
            RowInsert::PlainInsert => FirstWrite::RowAlone,
        }
    }

    /// May a claimed turn still start, now that its row is written?
    pub fn still_wanted(&self, record: &Record) -> bool {
        match self.row {
            RowInsert::WithPrompt => record.stage == Stage::Open,
            RowInsert::PlainInsert => true,
        }
    }
}

//! Bringing a stored session back: which row, which live record, in which order.

use crate::behavior::group;
use crate::session::{Record, Stage};
use crate::store::{StoredId, TipRule};

group! {
    /// Bringing a stored session back.
    Resume "resume" {
        /// Which row a resume leads to.
        target: Target {
            /// The newest continuation of the one asked for.
            Tip "tip",
            /// The very one, also when a compression has ended it (A9).
            Exact "exact",
        }
        /// Which live record counts as the session's.
        live_match: LiveMatch {
            /// The one that writes the row, or is about to.
            Owner "owner",
            /// The one whose agent writes it; a rotation under way is not seen.
            AgentRow "agent_row",
            /// The one whose key it is; the key lags behind a rotation until the turn ends (S23).
            SessionKey "session_key",
        }
        /// In which order the row is opened and the record registered.
        order: Order {
            /// The record first, so that nobody else can bring the row back or end it meanwhile.
            RegisterThenReopen "register_then_reopen",
            /// The row first: an end in between leaves a live session with an ended row (S6).
            ReopenThenRegister "reopen_then_register",
        }
        /// What reopening clears.
        reopen: Reopen {
            /// The end of the chain's tip; a parent keeps its `compression`.
            Tip "tip",
            /// The end of the row, whatever the reason (A10).
            Unconditional "unconditional",
        }
        /// When the agent of a session is built that comes back.
        build: Build {
            /// A little later, as after a creation.
            Deferred "deferred",
            /// Before the record is registered; the answer waits for it, and so does everybody else's (spec §4.4).
            BeforeRegistration "before_registration",
        }
    }
}

/// What to do with a live record that is the session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// Attach to it.
    Attach,
    /// It is being brought back: wait, then look again.
    Wait,
    /// It is being ended: refuse, the client may try again.
    Refuse,
}

/// When a client wants the agent of the session that it brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Built {
    /// When the release builds it.
    Later,
    /// Before the answer.
    WithAnswer,
}

impl Resume {
    /// How the tip is found, or `None` when the row asked for is the target.
    pub fn tip_rule(&self) -> Option<TipRule> {
        match self.target {
            Target::Tip => Some(TipRule::BestContinuation),
            Target::Exact => None,
        }
    }

    /// Whether a live record is the one of the row `target`.
    pub fn is_live(&self, record: &Record, target: &StoredId) -> bool {
        match self.live_match {
            LiveMatch::Owner => record.owns(target),
            LiveMatch::AgentRow => record.agent.row == *target,
            LiveMatch::SessionKey => record.key == *target,
        }
    }

    /// A live record was found.
    pub fn on_live(&self, record: &Record) -> Live {
        match record.stage {
            Stage::Open => Live::Attach,
            Stage::Opening => Live::Wait,
            Stage::Closing | Stage::Finalized => Live::Refuse,
        }
    }

    /// Whether the record is registered before its row is opened.
    pub fn registers_first(&self) -> bool {
        match self.order {
            Order::RegisterThenReopen => true,
            Order::ReopenThenRegister => false,
        }
    }

    /// Whether the agent is built before the record is registered, where that is not done first.
    pub fn builds_first(&self, asked: Built) -> bool {
        match (self.build, asked) {
            (Build::Deferred, Built::Later) => false,
            (Build::Deferred, Built::WithAnswer) | (Build::BeforeRegistration, _) => true,
        }
    }

    /// Whether a reopen clears only the tip's end.
    pub fn reopens_tip(&self) -> bool {
        match self.reopen {
            Reopen::Tip => true,
            Reopen::Unconditional => false,
        }
    }
}

//! A session's state, in a few words.

use std::fmt;

use gateway_core::record::{AgentState, Attachment, Record, SessionStage};
use serde::Serialize;

use crate::world::mirror::Mirror;

/// What matters of a record for the session's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Where in its life it is, as [`SessionStage`] has it.
    pub stage: Life,
    /// Whether a client has it.
    pub client: Client,
    /// Its orphan timer.
    pub timers: Timers,
    /// What holds it.
    pub phase: Phase,
    /// Prompts that wait.
    pub waiting: Waiting,
    /// The row that its agent writes.
    pub row: Row,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// As tables and graphs write it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// Where in its life a session is.
    Life {
        /// Its row is being brought back.
        Opening "opening",
        /// In use.
        Open "open",
        /// Somebody is ending it.
        Closing "closing",
        /// Ended.
        Finalized "ended",
    }
}

words! {
    /// Whether a client has it.
    Client {
        /// One has.
        Attached "attached",
        /// None has.
        Detached "detached",
    }
}

words! {
    /// Orphan timers that are armed.
    Timers {
        /// None.
        None "no timer",
        /// One.
        Armed "armed",
        /// More than one.
        Piled "piled",
    }
}

words! {
    /// What holds a session.
    Phase {
        /// Nothing.
        Idle "idle",
        /// A prompt that waits for its agent.
        Building "building",
        /// A turn at work.
        Working "working",
        /// A turn that has asked its user.
        Asking "asking",
        /// A turn that was told to stop.
        Stopping "stopping",
        /// A turn that goes on under another id.
        Rotating "rotating",
    }
}

words! {
    /// Prompts that wait for the turn to end.
    Waiting {
        /// None.
        None "",
        /// One.
        One "one waits",
        /// More than one.
        More "more wait",
    }
}

words! {
    /// The row that a session's agent writes.
    Row {
        /// Not there yet, or deleted.
        Absent "no row",
        /// Open.
        Open "row open",
        /// Ended.
        Ended "row ended",
    }
}

impl State {
    pub(super) fn of(record: &Record, rows: &Mirror) -> Self {
        let stage = match record.stage {
            SessionStage::Opening => Life::Opening,
            SessionStage::Open => Life::Open,
            SessionStage::Closing => Life::Closing,
            SessionStage::Finalized => Life::Finalized,
        };
        let client = match record.attachment {
            Attachment::Attached(_) => Client::Attached,
            Attachment::Detached { .. } => Client::Detached,
        };
        let timers = match record.timers.len() {
            0 => Timers::None,
            1 => Timers::Armed,
            _ => Timers::Piled,
        };
        let waiting = match record.queue.len() {
            0 => Waiting::None,
            1 => Waiting::One,
            _ => Waiting::More,
        };
        let row = match rows.row(&record.agent.row) {
            None => Row::Absent,
            Some(row) if row.ended_at.is_none() => Row::Open,
            Some(_) => Row::Ended,
        };
        Self { stage, client, timers, phase: phase(record), waiting, row }
    }

    /// Whether it is neither ended nor being ended.
    pub fn is_live(&self) -> bool {
        matches!(self.stage, Life::Opening | Life::Open)
    }

    /// The node of a graph that it belongs to: coarser than the state, so that the graph can be read.
    pub(super) fn node(&self) -> String {
        match self.stage {
            Life::Open => format!("{} {}", self.client.word(), self.phase.word()),
            life => life.word().to_owned(),
        }
    }
}

fn phase(record: &Record) -> Phase {
    let Some(turn) = &record.turn else { return Phase::Idle };
    if turn.interrupted {
        Phase::Stopping
    } else if record.question.is_some() {
        Phase::Asking
    } else if record.agent.next.is_some() {
        Phase::Rotating
    } else if matches!(record.agent.state, AgentState::Ready) {
        Phase::Working
    } else {
        Phase::Building
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.stage.word(),
            self.client.word(),
            self.timers.word(),
            self.phase.word(),
            self.waiting.word(),
            self.row.word(),
        ];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        f.pad(&words.join(", "))
    }
}

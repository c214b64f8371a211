//! The state of a session, as tables, graphs and timelines print it.

use std::fmt;

use gateway_core::record::{AgentState, Attachment, Record, SessionStage};
use serde::Serialize;

use crate::world::mirror::Mirror;

/// The part of a record that decides the lifecycle of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// The stage, as [`SessionStage`].
    pub stage: Life,
    /// Whether a client is attached.
    pub client: Client,
    /// The orphan timers that are armed.
    pub timers: Timers,
    /// The work that holds the session.
    pub phase: Phase,
    /// The number of queued prompts.
    pub waiting: Waiting,
    /// The row that the session's agent writes.
    pub row: Row,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The word that tables and graphs print.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// The stage of a session.
    Life {
        /// A resume is reopening its row.
        Opening "opening",
        /// It is registered and usable.
        Open "open",
        /// Its end is being stored.
        Closing "closing",
        /// The end is stored.
        Finalized "ended",
    }
}

words! {
    /// Whether a client is attached to a session.
    Client {
        /// A connection receives the events of the session.
        Attached "attached",
        /// No connection receives its events; a grace may run.
        Detached "detached",
    }
}

words! {
    /// Orphan timers that are armed.
    Timers {
        /// No timer is armed.
        None "no timer",
        /// One timer is armed.
        Armed "armed",
        /// Several timers are armed, which only old releases do.
        Piled "piled",
    }
}

words! {
    /// The work that holds a session.
    Phase {
        /// No work holds the session.
        Idle "idle",
        /// A prompt that waits for its agent.
        Building "building",
        /// A turn that runs.
        Working "working",
        /// A turn with an open question.
        Asking "asking",
        /// A turn that was interrupted and has not ended.
        Stopping "stopping",
        /// A turn that is being rotated to another row.
        Rotating "rotating",
    }
}

words! {
    /// The prompts queued behind the running turn.
    Waiting {
        /// The queue is empty.
        None "",
        /// One prompt is queued.
        One "one waits",
        /// Several prompts are queued.
        More "more wait",
    }
}

words! {
    /// The row that a session's agent writes.
    Row {
        /// The row is not inserted yet, or is deleted.
        Absent "no row",
        /// The row has no end.
        Open "row open",
        /// The row has an end.
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

    /// Whether the session is neither ended nor being ended.
    pub fn is_live(&self) -> bool {
        matches!(self.stage, Life::Opening | Life::Open)
    }

    /// The node of the state in a graph. It is coarser than the state, so that the graph stays readable.
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

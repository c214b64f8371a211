//! Starting tasks, and the named windows of old releases.

use std::fmt;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use crate::ids::SessionId;

/// Runs the gateway's tasks, all on one thread.
pub trait Spawn {
    /// Starts a task. It runs until it returns; nothing aborts it.
    fn spawn(&self, name: TaskName, task: LocalBoxFuture<'static, ()>);

    /// Passes a window: other tasks may run before the next statement. Ready at once in production.
    fn window(&self, window: Window) -> LocalBoxFuture<'static, ()>;
}

/// A task's name: its owner and its role, printed `work/turn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskName {
    /// The session or client that the task serves.
    pub owner: Owner,
    /// The work of the task.
    pub role: TaskRole,
}

/// The session or client that a task serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Tasks of the gateway itself, printed `gateway/ROLE`.
    Gateway,
    /// A client, by its connection's name.
    Client(Rc<str>),
    /// Tasks of a live session, printed `SESSION/ROLE`.
    Session(SessionId),
}

/// The work of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRole {
    /// Accepts connections for as long as the transport has any ([`server::serve`](crate::server::serve)).
    Acceptor,
    /// Reads the frames of a connection.
    Reader,
    /// Carries out a request that may take long.
    Request,
    /// Ends the rows that an earlier process left open.
    Sweep,
    /// Enforces the cap on live sessions.
    Cap,
    /// Ends all sessions ([`server::shutdown`](crate::server::shutdown)).
    Shutdown,
    /// Starts the build of an agent a little later.
    BuildTimer,
    /// Builds the agent of a session.
    Build,
    /// Runs a turn from its claim to its end.
    Turn,
    /// Starts the turn of the prompt that waits.
    Next,
    /// Interrupts a turn a little later, in some releases.
    Interrupt,
    /// Waits for the end of a background job.
    Job,
    /// Reviews a turn on a copy of the history.
    Review,
    /// Waits for the end of a grace.
    Grace,
    /// Waits until a session can be due for the idle reaper.
    Idle,
    /// Ends a session that is closed with its connection.
    Disconnect,
}

/// A gap between two statements of an old release in which other tasks run; `current` has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Between the list of a dead connection's sessions and detaching them (spec §12, W2).
    DetachSnapshot,
    /// Between finding a session and claiming it for a prompt (spec §12, W3).
    FoundNotClaimed,
    /// Between finding that no turn runs and claiming the session (spec §12, W14).
    TestedNotClaimed,
    /// Between claiming a session and inserting its row (spec §12, W7).
    ClaimedNotInserted,
    /// Between the acknowledgement of a prompt's interrupt and its arrival (S16).
    InterruptOnItsWay,
    /// Between the last check for an interrupt and the turn's start (spec §12, W13).
    TurnNotStarted,
    /// Between the answer to a question and the turn that reads it (S31).
    AnsweredNotRead,
    /// Between taking a record out of the registry and ending its row (spec §12, W5).
    PoppedNotEnded,
    /// Between ending a row and taking its session out of the approval table (spec §12, W9).
    EndedNotTornDown,
    /// Between reopening a row and registering its record (spec §12, W6).
    ReopenedNotRegistered,
    /// Between ending a rotated parent and inserting its child (spec §12, W10).
    ParentEndedChildMissing,
    /// Between the two timers that a detachment arms for the same instant (hermes-agent#44102).
    FirstTimerLooked,
    /// Between choosing a victim of the idle reaper or the cap and ending it (spec §12, W4).
    VictimChosen,
    /// Between the end of a background job and the session's check for its outcome (S29).
    JobOverNotHeard,
    /// Between `message.complete` and clearing `running` (spec §12, W12).
    CompleteStillRunning,
}

impl Window {
    /// Every window, in the order in which they are declared.
    pub const ALL: [Self; 15] = [
        Self::DetachSnapshot,
        Self::FoundNotClaimed,
        Self::TestedNotClaimed,
        Self::ClaimedNotInserted,
        Self::InterruptOnItsWay,
        Self::TurnNotStarted,
        Self::AnsweredNotRead,
        Self::PoppedNotEnded,
        Self::EndedNotTornDown,
        Self::ReopenedNotRegistered,
        Self::ParentEndedChildMissing,
        Self::FirstTimerLooked,
        Self::VictimChosen,
        Self::JobOverNotHeard,
        Self::CompleteStillRunning,
    ];

    /// Its name in scenario files and on tapes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DetachSnapshot => "detach_snapshot",
            Self::FoundNotClaimed => "found_not_claimed",
            Self::TestedNotClaimed => "tested_not_claimed",
            Self::ClaimedNotInserted => "claimed_not_inserted",
            Self::InterruptOnItsWay => "interrupt_on_its_way",
            Self::TurnNotStarted => "turn_not_started",
            Self::AnsweredNotRead => "answered_not_read",
            Self::PoppedNotEnded => "popped_not_ended",
            Self::EndedNotTornDown => "ended_not_torn_down",
            Self::ReopenedNotRegistered => "reopened_not_registered",
            Self::ParentEndedChildMissing => "parent_ended_child_missing",
            Self::FirstTimerLooked => "first_timer_looked",
            Self::VictimChosen => "victim_chosen",
            Self::JobOverNotHeard => "job_over_not_heard",
            Self::CompleteStillRunning => "complete_still_running",
        }
    }
}

impl TaskRole {
    /// The word in a task's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acceptor => "acceptor",
            Self::Reader => "reader",
            Self::Request => "request",
            Self::Sweep => "sweep",
            Self::Cap => "cap",
            Self::Shutdown => "shutdown",
            Self::BuildTimer => "build-timer",
            Self::Build => "build",
            Self::Turn => "turn",
            Self::Next => "next",
            Self::Interrupt => "interrupt",
            Self::Job => "job",
            Self::Review => "review",
            Self::Grace => "grace",
            Self::Idle => "idle",
            Self::Disconnect => "disconnect",
        }
    }
}

impl TaskName {
    /// A task of the gateway itself.
    pub fn gateway(role: TaskRole) -> Self {
        Self { owner: Owner::Gateway, role }
    }

    /// A task of one client's connection.
    pub fn client(name: &str, role: TaskRole) -> Self {
        Self { owner: Owner::Client(name.into()), role }
    }

    /// A task of one live session.
    pub fn session(sid: &SessionId, role: TaskRole) -> Self {
        Self { owner: Owner::Session(sid.clone()), role }
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Owner::Gateway => write!(f, "gateway/{}", self.role.word()),
            Owner::Client(name) => write!(f, "{name}/{}", self.role.word()),
            Owner::Session(sid) => write!(f, "{sid}/{}", self.role.word()),
        }
    }
}

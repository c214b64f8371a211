//! A step of the script: its time, its client and its action.
//!
//! [`Action`] has one variant for each word of `do`, in three groups: changes of a client's connection, requests of a
//! client, and events outside of all clients. Code that handles all steps uses properties ([`Action::session`],
//! [`Action::presence`], …) and the entry of the [`table`]. Code that carries steps out matches on one group.
//! No match over the groups has a wildcard arm, so that the compiler lists what a new word needs.

mod entry;
mod keys;
mod request;
mod shape;
pub mod table;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;

pub(super) use self::keys::{PlacedStep, RawStep, written};
pub use self::request::{
    AnsweredQuestion, Mentions, Naming, OnDisconnect, Prompt, RequestStep, ResumeMode, ResumeTarget, Start,
};
pub use self::table::{Presence, SocketStep, Word};
pub use super::expected::OnSkip;
use super::settings::SettingChanges;

/// The client of steps that happen outside of all clients. No client can have this name.
pub const PROCESS: &str = "gateway";

/// One line of the script.
#[derive(Clone, Debug, Eq)]
pub struct Step {
    /// The time from the start of the run.
    pub at: Millis,
    /// The client that acts; [`PROCESS`] for a [`ProcessStep`].
    pub client: String,
    /// The step's word and the values of its keys.
    pub action: Action,
    /// What it means if the step cannot be carried out: key `may_skip`.
    pub on_skip: OnSkip,
    /// The line of the file on which the step begins; 0 for a step of no file.
    pub line: usize,
}

/// The effect of a step, with the values of the step's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client opens, ends or impairs its connection.
    Connection(ConnectionStep),
    /// A client sends a request.
    Request(RequestStep),
    /// An event of the gateway's process, its machine or its database.
    Process(ProcessStep),
}

/// A step of a client that changes its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionStep {
    /// `connect`: opens a connection.
    Connect {
        /// Key `forgets`: what the client knows of its earlier connections.
        memory: Memory,
    },
    /// `close`: ends the connection with a close frame.
    Close,
    /// `drop`: the connection ends without a close frame.
    Drop,
    /// `stall`: the client stops reading.
    Stall,
    /// `unstall`: the client reads again, beginning with the frames that were buffered while it did not read.
    Unstall,
    /// `lag`: from here on each frame of this connection has this latency, in either direction.
    Lag {
        /// Key `takes`: the latency.
        takes: Millis,
    },
    /// `cut`: the connection carries nothing in either direction, and neither end is notified.
    Cut,
    /// `mend`: the connection carries frames again, beginning with those that were held back.
    Mend,
    /// `vanish`: the client disappears without sending a frame.
    Vanish {
        /// Key `takes`: the time until the gateway's machine notices. Left out: until the heal phase.
        takes: Option<Millis>,
    },
    /// `resend`: repeats the requests that were unanswered when the previous connection ended.
    Resend,
}

/// What a client that connects knows of its earlier connections: key `forgets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// Everything: the last event that it received, the questions, and the requests without an answer.
    #[default]
    Kept,
    /// Nothing but the ids of the sessions: a new window, or a page that was loaded again.
    Lost,
}

/// A step outside of all clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessStep {
    /// `gateway.kill`: the process ends at once. Memory, timers and uncommitted writes are lost.
    Kill,
    /// `gateway.signal`: the process receives a signal.
    Signal {
        /// Key `signal`: INT or TERM.
        signal: Signal,
        /// Key `stop_timeout`: how long the end may take. `None`: as long as it takes.
        stop_timeout: Option<Millis>,
    },
    /// `gateway.restart`: a new process starts on the same database.
    Restart {
        /// Key `gateway`: the settings that are other than those of the process before. Key `model` is short for one of them.
        changes: SettingChanges,
    },
    /// `cli.new`: another program on the same database continues the session in a new one, stores a message there, and
    /// ends it.
    CliNew {
        /// The session, by its name in the script.
        session: String,
    },
    /// `gateway.scan_idle`: the idle reaper scans now.
    ScanIdle,
    /// `machine.suspend`: the machine sleeps. Wall time moves on; uptime does not.
    Suspend {
        /// Key `takes`: the duration by which wall time advances.
        length: Millis,
    },
    /// `machine.set_clock`: wall time jumps; uptime does not.
    SetClock {
        /// Keys `forward` and `back`: the direction and the distance of the jump.
        jump: Jump,
    },
}

/// A jump of wall time: keys `forward` and `back`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// Wall time advances by this duration.
    Forward(Millis),
    /// Wall time goes back by this duration.
    Back(Millis),
}

/// Two steps are equal if all but their lines are equal.
impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
            && self.client == other.client
            && self.action == other.action
            && self.on_skip == other.on_skip
    }
}

impl Action {
    /// The entry of the table of steps.
    pub const fn entry(&self) -> &'static table::Entry {
        Word::of(self).entry()
    }

    /// The value of `do`.
    pub const fn word(&self) -> &'static str {
        self.entry().word
    }

    /// Whether the step happens outside of all clients.
    pub const fn is_of_process(&self) -> bool {
        matches!(self, Self::Process(_))
    }

    /// Whether the step ends its client's connection.
    pub fn leaves(&self) -> bool {
        self.presence() == Presence::Disconnects
    }

    /// The connection that the step requires, and the connections that it opens or ends.
    pub const fn presence(&self) -> Presence {
        self.entry().presence
    }

    /// The duration in the step's key `takes`, `forward` or `back`; `None` if the step has none.
    pub fn takes(&self) -> Option<Millis> {
        self.clone().takes_mut().copied()
    }

    /// As [`Action::takes`], as a mutable reference.
    pub fn takes_mut(&mut self) -> Option<&mut Millis> {
        match self {
            Self::Connection(step) => step.takes_mut(),
            Self::Request(_) => None,
            Self::Process(step) => step.takes_mut(),
        }
    }

    /// The names that the step mentions.
    pub fn mentions(&self) -> Mentions<'_> {
        match self {
            Self::Connection(_) => Mentions::default(),
            Self::Request(step) => step.mentions(),
            Self::Process(step) => Mentions { session: step.session(), ..Mentions::default() },
        }
    }

    /// The session on which the step acts, by its name in the script.
    pub fn session(&self) -> Option<&str> {
        self.mentions().session
    }

    /// As [`Action::session`], as a mutable reference.
    pub fn session_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Connection(_) => None,
            Self::Request(step) => step.session_mut(),
            Self::Process(step) => step.session_mut(),
        }
    }

    /// The parent of the session that the step creates, by its name in the script.
    pub fn parent(&self) -> Option<&str> {
        self.mentions().parent
    }

    /// The name that the step gives to a session: to a new one, or to one that it resumes.
    pub fn names(&self) -> Option<&str> {
        self.mentions().names
    }

    /// Whether the step acts on this session, creates it, or mentions its name in any other key.
    pub fn is_about(&self, session: &str) -> bool {
        let Mentions { session: about, names, parent, .. } = self.mentions();
        [about, names, parent].contains(&Some(session))
    }

    /// Replaces session `from` by `to`. A resume that gives the name `from` loses that key.
    pub fn replace_session(&mut self, from: &str, to: &str) {
        if let Self::Request(step) = self {
            step.replace_references(from, to);
        }
        if let Some(session) = self.session_mut().filter(|session| *session == from) {
            to.clone_into(session);
        }
    }

    /// The text of the prompt; `None` if the step submits no prompt.
    pub fn prompt(&self) -> Option<&Prompt> {
        self.mentions().prompt
    }

    /// As [`Action::prompt`], as a mutable reference.
    pub fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        if let Self::Request(RequestStep::Prompt { prompt, .. }) = self { Some(prompt) } else { None }
    }

    /// The turn that the step starts, by its name in the file.
    pub fn turn(&self) -> Option<&str> {
        match self.prompt()? {
            Prompt::Turn(turn) => Some(turn),
            Prompt::Text(_) | Prompt::Continue => None,
        }
    }

    /// The latency of each later frame of the client's connection; `None` if the step changes no latency.
    pub const fn latency(&self) -> Option<Millis> {
        if let Self::Connection(ConnectionStep::Lag { takes }) = self { Some(*takes) } else { None }
    }

    /// How long after the step the gateway finds its client gone; `None` if the step sets no such time.
    pub const fn notice_after(&self) -> Option<Millis> {
        if let Self::Connection(ConnectionStep::Vanish { takes }) = self { *takes } else { None }
    }

    /// Removes every optional key.
    pub fn simplify(&mut self) {
        match self {
            Self::Connection(step) => step.simplify(),
            Self::Request(step) => step.simplify(),
            Self::Process(ProcessStep::Restart { changes }) => *changes = SettingChanges::default(),
            Self::Process(_) => {}
        }
    }
}

impl ConnectionStep {
    fn takes_mut(&mut self) -> Option<&mut Millis> {
        match self {
            Self::Vanish { takes } => takes.as_mut(),
            Self::Lag { takes } => Some(takes),
            Self::Connect { .. }
            | Self::Close
            | Self::Drop
            | Self::Stall
            | Self::Unstall
            | Self::Cut
            | Self::Mend
            | Self::Resend => None,
        }
    }

    fn simplify(&mut self) {
        match self {
            Self::Vanish { takes } => *takes = None,
            Self::Connect { memory } => *memory = Memory::Kept,
            _ => {}
        }
    }
}

impl ProcessStep {
    fn takes_mut(&mut self) -> Option<&mut Millis> {
        match self {
            Self::Suspend { length } | Self::SetClock { jump: Jump::Forward(length) | Jump::Back(length) } => {
                Some(length)
            }
            Self::Kill | Self::Signal { .. } | Self::Restart { .. } | Self::CliNew { .. } | Self::ScanIdle => None,
        }
    }

    fn session(&self) -> Option<&str> {
        match self {
            Self::CliNew { session } => Some(session),
            Self::Kill
            | Self::Signal { .. }
            | Self::Restart { .. }
            | Self::ScanIdle
            | Self::Suspend { .. }
            | Self::SetClock { .. } => None,
        }
    }

    fn session_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::CliNew { session } => Some(session),
            Self::Kill
            | Self::Signal { .. }
            | Self::Restart { .. }
            | Self::ScanIdle
            | Self::Suspend { .. }
            | Self::SetClock { .. } => None,
        }
    }
}

impl From<ConnectionStep> for Action {
    fn from(step: ConnectionStep) -> Self {
        Self::Connection(step)
    }
}

impl From<RequestStep> for Action {
    fn from(step: RequestStep) -> Self {
        Self::Request(step)
    }
}

impl From<ProcessStep> for Action {
    fn from(step: ProcessStep) -> Self {
        Self::Process(step)
    }
}

//! What a task of a run is: its role and its owner, as types. Its label is made of them, and is text on tapes and in
//! traces; nothing parses it back.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use gateway_core::spawn;
use interleaving::{Task, TaskInfo};

use crate::footprint::Resource;

/// All tasks of a run.
pub type Pool = interleaving::Pool<TaskTag, Resource>;

/// A task of a run, with its label.
pub type AnyTask = Rc<TaskInfo<TaskTag>>;

/// What a task does, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTag {
    /// A client's name, a session's label, `gateway` or `store`; none for what has no owner.
    pub owner: Option<Rc<str>>,
    /// The work of the task.
    pub role: Role,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A task of the gateway's process, by the gateway's own role.
    Gateway(spawn::TaskRole),
    /// Follows the script of a client.
    Script,
    /// Takes in what a client receives.
    Inbox,
    /// Serves the calls of the store that write.
    StoreWriter,
    /// Serves those that read.
    StoreReader,
    /// Delivers an answer of the store that takes time.
    StoreAnswer,
    /// Kills the gateway's process at a call of the store.
    Crash,
    /// Between steps: the simulator itself.
    Simulator,
}

impl TaskTag {
    pub(crate) fn new(owner: impl Into<Rc<str>>, role: Role) -> Self {
        Self { owner: Some(owner.into()), role }
    }

    /// A task that stands for itself.
    pub(crate) fn alone(role: Role) -> Self {
        Self { owner: None, role }
    }

    /// A task with this tag, to be spawned under its label. Claims count turns.
    pub(crate) fn task(self) -> Task<Self, Resource> {
        let is_turn = self.role.is_turn();
        let task = Task::new(self.to_string(), self);
        if is_turn { task.counted_by(Resource::Turns) } else { task }
    }
}

impl Role {
    /// Whether a kill of the gateway's process ends it.
    pub(crate) fn is_gateway(self) -> bool {
        matches!(self, Self::Gateway(_))
    }

    /// Whether it belongs to the store, which closes with the gateway's process.
    pub(crate) fn is_store(self) -> bool {
        matches!(self, Self::StoreWriter | Self::StoreReader | Self::StoreAnswer)
    }

    pub(crate) fn is_turn(self) -> bool {
        self == Self::Gateway(spawn::TaskRole::Turn)
    }

    pub(crate) fn is_grace(self) -> bool {
        self == Self::Gateway(spawn::TaskRole::Grace)
    }

    /// The part of the label after the slash.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gateway(role) => role.word(),
            Self::Script => "script",
            Self::Inbox => "inbox",
            Self::StoreWriter => "writer",
            Self::StoreReader => "reader",
            Self::StoreAnswer => "answer",
            Self::Crash => "crash",
            Self::Simulator => "simulator",
        }
    }
}

/// In the order of the words, in which tables print them.
impl Ord for Role {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.word(), self.is_gateway()).cmp(&(other.word(), other.is_gateway()))
    }
}

impl PartialOrd for Role {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for TaskTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(f, "{owner}/{}", self.role.word()),
            None => f.write_str(self.role.word()),
        }
    }
}

//! The role and the owner of a task, as types. A task's label is made of the two. It is text on tapes and in traces,
//! and is never parsed.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use gateway_core::spawn;
use interleaving::{Task, TaskInfo};

use crate::footprint::Resource;

/// The pool of all tasks of a run.
pub type Pool = interleaving::Pool<TaskTag, Resource>;

/// A task of a run: its tag and its label.
pub type AnyTask = Rc<TaskInfo<TaskTag>>;

/// The role of a task and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTag {
    /// A client's name, a session's label, `gateway` or `store`; none for a task without an owner.
    pub owner: Option<Rc<str>>,
    /// The work that the task does.
    pub role: Role,
}

/// The work that a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A task of the gateway's process, with the gateway's own role.
    Gateway(spawn::TaskRole),
    /// Executes the script of a client.
    Script,
    /// Reads the frames that a client receives.
    Inbox,
    /// Serves the writes of the store.
    StoreWriter,
    /// Serves the reads of the store.
    StoreReader,
    /// Delivers a delayed answer of the store.
    StoreAnswer,
    /// Kills the gateway's process at a store call.
    Crash,
    /// The simulator itself, between events.
    Simulator,
}

impl TaskTag {
    pub(crate) fn new(owner: impl Into<Rc<str>>, role: Role) -> Self {
        Self { owner: Some(owner.into()), role }
    }

    /// A tag without an owner.
    pub(crate) fn alone(role: Role) -> Self {
        Self { owner: None, role }
    }

    /// A task with this tag, spawned under its label. A turn touches [`Resource::Turns`], because claims count turns.
    pub(crate) fn task(self) -> Task<Self, Resource> {
        let is_turn = self.role.is_turn();
        let task = Task::new(self.to_string(), self);
        if is_turn { task.counted_by(Resource::Turns) } else { task }
    }
}

impl Role {
    /// Whether a kill of the gateway's process cancels the task.
    pub(crate) fn is_gateway(self) -> bool {
        matches!(self, Self::Gateway(_))
    }

    /// Whether the task belongs to the store, which closes with the gateway's process.
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

/// Roles are sorted by word, as tables print them.
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

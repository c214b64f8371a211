//! What happened in a run, in order, and a digest of it.
//!
//! The digest is folded as the run goes: two runs with equal digests did the same things at the same times in the same
//! order. It is SipHash-2-4, which is defined byte by byte, so it is equal on every machine.

use std::fmt;
use std::hash::Hasher;

use gateway_core::clock::Uptime;
use siphasher::sip::SipHasher24;

use crate::task::AnyTask;

/// A run's entries.
#[derive(Default)]
pub struct Trace {
    entries: Vec<Entry>,
    events: u64,
    hasher: SipHasher24,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Uptime,
    /// The task that did it.
    pub task: AnyTask,
    /// What kind of thing.
    pub site: Site,
    /// The thing: a frame, a transaction, what it changed.
    pub text: String,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// A step of the script was begun, or could not be.
    Script,
    /// A client sent a frame.
    Sent,
    /// A client received a frame.
    Received,
    /// A connection opened, closed or died.
    Connection,
    /// The gateway's process started or ended.
    Process,
    /// The store committed a transaction, or refused to.
    Commit,
    /// The store answered a question.
    Lookup,
    /// Faults were switched off.
    Heal,
}

/// The fold of a run. Equal digests: equal runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(u64);

impl Trace {
    /// A task was given the processor: one event, the unit in which a run advances.
    pub(crate) fn event(&mut self, at: Uptime, task: &str) {
        self.events += 1;
        self.fold(at, task, u8::MAX, "");
    }

    /// Something happened in the present event.
    pub(crate) fn enter(&mut self, at: Uptime, task: AnyTask, site: Site, text: String) {
        self.fold(at, &task.label, site as u8, &text);
        self.entries.push(Entry { at, task, site, text });
    }

    /// What happened, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The digest so far.
    pub fn digest(&self) -> Digest {
        Digest(self.hasher.finish())
    }

    fn fold(&mut self, at: Uptime, task: &str, site: u8, text: &str) {
        self.hasher.write(&at.0.to_le_bytes());
        for part in [task, text] {
            self.hasher.write(&(part.len() as u64).to_le_bytes());
            self.hasher.write(part.as_bytes());
        }
        self.hasher.write(&[site]);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10}  {}  {}  {}", self.at.to_string(), self.task.label, self.site.word(), self.text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Site {
    /// Its word in a printed trace.
    pub fn word(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Connection => "connection",
            Self::Process => "process",
            Self::Commit => "commit",
            Self::Lookup => "lookup",
            Self::Heal => "heal",
        }
    }
}

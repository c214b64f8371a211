//! The frames, store calls and steps of a run, in order, and a digest of them.
//!
//! The digest is updated after each event. Two runs with equal digests had the same events at the same times in the
//! same order. It is SipHash-2-4, which is defined byte by byte, so it is equal on every machine.

use std::fmt;
use std::hash::Hasher;

use gateway_core::clock::Uptime;
use sim_scenario::CallSide;
use siphasher::sip::SipHasher24;

use crate::task::AnyTask;

/// The entries of one run, and their digest.
#[derive(Default)]
pub struct Trace {
    entries: Vec<Entry>,
    events: u64,
    hasher: SipHasher24,
}

/// An entry of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The uptime of the entry.
    pub at: Uptime,
    /// The task whose event made the entry.
    pub task: AnyTask,
    /// The kind of the entry.
    pub site: Site,
    /// The frame, the store call with its result, or the words of the step.
    pub text: String,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// A step of the script started, or was skipped.
    Script,
    /// A client sent a frame.
    Sent,
    /// A client received a frame.
    Received,
    /// A connection opened, closed or died.
    Connection,
    /// The gateway's process started or ended.
    Process,
    /// The store committed a transaction, or failed to.
    Commit,
    /// The store answered a read.
    Lookup,
    /// The heal phase began: from here on no fault is injected.
    Heal,
}

/// A call of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreCall {
    /// When the store began it.
    pub at: Uptime,
    /// Whether it writes or reads.
    pub side: CallSide,
    /// How often it changed the disk, if the database is on one.
    pub changes: u32,
}

/// An instant at which tasks ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// The time.
    pub at: Uptime,
    /// The number of choices that the run had made before.
    pub choices: usize,
    /// How often a task was polled: before each poll is a schedule point.
    pub events: u32,
}

/// A step of the script that was carried out or skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayedStep {
    /// When it was over.
    pub at: Uptime,
    /// The line of its table in the file; 0 for a step of no file.
    pub line: usize,
    /// The word of the step.
    pub word: &'static str,
    /// The length of the trace after the step: its own entry, if it has one, is the last of them.
    pub entries: usize,
    /// Whether it had an effect.
    pub effect: StepEffect,
}

/// Whether a step had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEffect {
    /// It was carried out.
    CarriedOut,
    /// It was not possible at that instant.
    Skipped,
}

/// A loss of power in a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedLoss {
    /// When it was.
    pub at: Uptime,
    /// Whether it was in the write, and not only after it.
    pub in_write: bool,
    /// What is wrong with the file or the rows since.
    pub complaint: Option<String>,
}

/// The SipHash of a run. Equal runs have equal digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(u64);

impl Trace {
    /// Counts and digests one event: the scheduler polled a task.
    pub(crate) fn event(&mut self, at: Uptime, task: &str) {
        self.events += 1;
        self.fold(at, task, u8::MAX, "");
    }

    /// Adds an entry to the present event.
    pub(crate) fn enter(&mut self, at: Uptime, task: AnyTask, site: Site, text: String) {
        self.fold(at, &task.label, site as u8, &text);
        self.entries.push(Entry { at, task, site, text });
    }

    /// The entries, in order of time.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The number of events: how often a task was polled.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The digest of the events and entries so far.
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
    /// The word of the kind in a printed trace.
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

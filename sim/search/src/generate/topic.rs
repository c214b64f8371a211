//! Topics of generated scenarios: the groups of features that bring about one kind of row.

use super::feature::Feature::{self, *};

/// What a generated scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Rotations, and clients that are lost in the middle of them.
    Rotations,
    /// Connections that end while a turn runs or before it begins.
    LostClients,
    /// Clients that are lost and return.
    Returns,
    /// Sessions that are closed by a client while something else happens to them.
    Closes,
    /// Processes that are killed or signalled, and started again.
    Deaths,
    /// Sessions that end because they are not used.
    Idleness,
    /// More live sessions than the gateway keeps.
    Crowds,
    /// Titles that are set, already taken, and dropped.
    Titles,
    /// Histories that are cut, undone and compressed.
    Histories,
    /// Branches and drafts.
    Branches,
    /// Rows that are deleted while they are in use.
    Deletions,
    /// Turns that are interrupted, fail or hang.
    Interrupts,
    /// Store calls that fail.
    StoreFaults,
    /// Prompts that arrive while a turn runs.
    Queues,
    /// Background jobs and reviews.
    Jobs,
    /// Agents whose build is slow or fails.
    Builds,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 16] = [
        Self::Rotations,
        Self::LostClients,
        Self::Returns,
        Self::Closes,
        Self::Deaths,
        Self::Idleness,
        Self::Crowds,
        Self::Titles,
        Self::Histories,
        Self::Branches,
        Self::Deletions,
        Self::Interrupts,
        Self::StoreFaults,
        Self::Queues,
        Self::Jobs,
        Self::Builds,
    ];

    pub(super) const fn features(self) -> &'static [Feature] {
        match self {
            Self::Rotations => &[Rotation, Drop, Close, Resume],
            Self::LostClients => &[Drop, Leave, Rotation, SlowAgent],
            Self::Returns => &[Drop, Resume, Activate, Company, Windows],
            Self::Closes => &[Close, Company, Windows, SlowStore, SlowAgent],
            Self::Deaths => &[Kill, Signal, Resume],
            Self::Idleness => &[ScanIdle, Settings, Windows, Resume],
            Self::Crowds => &[Crowd, Sessions, Resume, Company],
            Self::Titles => &[Title, Sessions, Rotation, Look],
            Self::Histories => &[Cut, Undo, Compress, Rotation, Resume],
            Self::Branches => &[Branch, Draft, Sessions, Rotation],
            Self::Deletions => &[Rotation, Delete, Company, SlowStore],
            Self::Interrupts => &[Interrupt, Error, Hang, LateAnswer, Busy],
            Self::StoreFaults => &[StoreFaults, Rotation, Branch, Draft],
            Self::Queues => &[Busy, Steer, Drop, Resume, Windows],
            Self::Jobs => &[Background, Sessions, Close, Windows],
            Self::Builds => &[SlowAgent, Interrupt, Close, Resume],
        }
    }
}

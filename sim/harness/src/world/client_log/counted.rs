//! How many frames of each kind were judged, for claims that see the failures alone.

use crate::world::cases::Count;

/// The cases of claims of which the log keeps the failures alone.
#[derive(Default)]
pub(crate) struct Counted {
    /// Answers that were compared with the state.
    pub(crate) answers: Count,
    /// Numbered events: each follows the one before it, or does not.
    pub(crate) numbers: Count,
    /// The number of prompts that were answered as queued.
    pub(crate) queued: usize,
    /// Acknowledged interrupts.
    pub(crate) interrupts: Count,
    /// Interrupted turns whose end a client received and that a request explains, or may.
    pub(crate) stops: Count,
}

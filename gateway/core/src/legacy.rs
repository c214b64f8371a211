//! What only old releases do. A reader of `current` can leave it out.
//!
//! The [`behavior`](crate::behavior) of a release chooses it, at one place each:
//!
//! * `current` calls none of the procedures `branch`, `resume`, `rotation` and `prompt`, each of which does in several steps
//!   what `current` does in one;
//! * `current` has none of the `windows`, so that passing one does nothing;
//! * `current` counts the messages of one row, and `chain` those of the rows before it;
//! * `current` forgets no failed turn, so that `forgotten` has nothing to take for stored;
//! * `current` stores a title that waits with the row, so that `title` has none left;
//! * `interrupts` returns what it was given, `approvals` is an empty table, and `resume_lock` is a lock that guards nothing.

pub(crate) mod approvals;
pub(crate) mod branch;
pub(crate) mod chain;
pub(crate) mod forgotten;
pub(crate) mod interrupts;
pub(crate) mod prompt;
pub(crate) mod resume;
pub(crate) mod resume_lock;
pub(crate) mod rotation;
pub(crate) mod title;
pub(crate) mod windows;

//! Stopping turns: whom an interrupt hits.

use crate::behavior::group;
use crate::session::Record;

group! {
    /// Stopping turns.
    Stop "interrupt" {
        /// What an interrupt does to a session at rest.
        idle: Idle {
            /// Nothing.
            Ignored "ignored",
            /// It is kept, and stops the next turn at once (A16).
            Sticky "sticky",
        }
    }
}

/// Whom an interrupt hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// The turn that runs.
    Turn,
    /// The turn that comes next.
    NextTurn,
    /// Nobody.
    Nobody,
}

impl Stop {
    /// A client asks to stop.
    pub fn hits(&self, record: &Record) -> Hits {
        match (record.is_running(), self.idle) {
            (true, _) => Hits::Turn,
            (false, Idle::Ignored) => Hits::Nobody,
            (false, Idle::Sticky) => Hits::NextTurn,
        }
    }
}

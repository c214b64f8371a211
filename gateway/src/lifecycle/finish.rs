//! Ending turns: when the session is free again.

use crate::behavior::group;

group! {
    /// Ending turns.
    Finish "finish" {
        /// When the session is free for the next prompt.
        running: Running {
            /// Before the client hears `message.complete`.
            ClearedBeforeComplete "cleared_before_complete",
            /// After it: a fast client's next prompt is refused (S27).
            ClearedAfterComplete "cleared_after_complete",
        }
    }
}

impl Finish {
    /// Whether the session is freed before `message.complete` is sent.
    pub fn frees_first(&self) -> bool {
        match self.running {
            Running::ClearedBeforeComplete => true,
            Running::ClearedAfterComplete => false,
        }
    }
}

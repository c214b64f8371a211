//! Reviews in the background: what the fork of an agent may do to the rows of its session.

use crate::group::group;

group! {
    /// Reviews in the background.
    Review "review" {
        /// What a review of a turn does to the session's row.
        fork: Fork {
            /// Nothing: it reads a copy of the history, and ends with its session.
            Reads "reads",
            /// It stores its messages there, even after the session has ended.
            Writes "writes",
            /// It stores its messages there, and its compression adds a second continuation of the row (S24).
            WritesAndCompresses "writes_and_compresses",
        }
    }
}

impl Review {
    /// What a review does to the row of its session.
    pub fn fork(&self) -> Fork {
        self.fork
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_write_by_release() {
        assert_eq!(Review::default().fork(), Fork::Reads);
        for fork in [Fork::Reads, Fork::Writes, Fork::WritesAndCompresses] {
            assert_eq!(Review { fork }.fork(), fork);
        }
    }
}

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
    /// Whether a review stores what it says.
    pub fn writes(&self) -> bool {
        match self.fork {
            Fork::Reads => false,
            Fork::Writes | Fork::WritesAndCompresses => true,
        }
    }

    /// Whether a compression of the fork shows in the rows.
    pub fn compresses(&self) -> bool {
        match self.fork {
            Fork::Reads | Fork::Writes => false,
            Fork::WritesAndCompresses => true,
        }
    }

    /// Whether a review ends with its session.
    pub fn ends_with_session(&self) -> bool {
        !self.writes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_write_by_release() {
        let does = |fork| {
            let review = Review { fork };
            (review.writes(), review.compresses(), review.ends_with_session())
        };
        assert_eq!(does(Fork::Reads), (false, false, true));
        assert_eq!(does(Fork::Writes), (true, false, false));
        assert_eq!(does(Fork::WritesAndCompresses), (true, true, false));
    }
}

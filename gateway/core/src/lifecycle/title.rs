//! Titles that clients give: which ones are good, and what becomes of one before there is a row.

use crate::group::group;

group! {
    /// Titles that clients give.
    Title "title" {
        /// What reading the title does.
        get: Get {
            /// It only answers, and writes nothing.
            Reads "reads",
            /// It also stores a pending title (B18).
            AppliesPending "applies_pending",
        }
        /// What setting the title of a session without a row does.
        unsaved: Unsaved {
            /// It creates the row.
            CreatesRow "creates_row",
            /// The title waits for the row (spec §4.8).
            Waits "waits",
        }
        /// When a title that waits is stored.
        pending: Pending {
            /// With the row.
            WithRow "with_row",
            /// After the first turn that completes: a session whose turns are interrupted or fail has no title, and one that
            /// another row has meanwhile is dropped (played on 0.16.0 and 0.19.0).
            AfterCompleteTurn "after_complete_turn",
        }
    }
}

/// The longest title, in characters.
pub const LENGTH_MAX: usize = 100;

/// A title that cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTitle {
    /// Nothing is left of it.
    Empty,
    /// It has more than [`LENGTH_MAX`] characters.
    TooLong,
}

impl Title {
    /// What reading the title does with a waiting one.
    pub fn on_get(&self) -> Get {
        self.get
    }

    /// What setting the title of a session without a row does.
    pub fn on_unsaved(&self) -> Unsaved {
        self.unsaved
    }

    /// When a title that waits is stored.
    pub fn on_pending(&self) -> Pending {
        self.pending
    }
}

/// A title as it is stored.
pub fn tidy(asked: &str) -> Result<String, BadTitle> {
    let title = asked.trim();
    match title.chars().count() {
        0 => Err(BadTitle::Empty),
        length if length > LENGTH_MAX => Err(BadTitle::TooLong),
        _ => Ok(title.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_wait_by_release() {
        let decided = |title: &Title| (title.on_get(), title.on_unsaved(), title.on_pending());
        assert_eq!(decided(&Title::default()), (Get::Reads, Unsaved::CreatesRow, Pending::WithRow));
        let other = Title { get: Get::AppliesPending, unsaved: Unsaved::Waits, pending: Pending::AfterCompleteTurn };
        assert_eq!(decided(&other), (Get::AppliesPending, Unsaved::Waits, Pending::AfterCompleteTurn));
    }

    #[test]
    fn titles_are_trimmed_and_bounded() {
        assert_eq!(tidy("  a title \n"), Ok("a title".to_owned()));
        assert_eq!(tidy(" \t"), Err(BadTitle::Empty));
        assert_eq!(tidy(&"é".repeat(LENGTH_MAX)).map(|title| title.chars().count()), Ok(LENGTH_MAX));
        assert_eq!(tidy(&"é".repeat(LENGTH_MAX + 1)), Err(BadTitle::TooLong));
    }
}

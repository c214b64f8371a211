//! Changing what has been said: where a conversation is cut, and what goes with it.

use crate::group::group;
use crate::record::{Record, Transcript};
use crate::store::{Replaced, Role};

group! {
    /// Changing what has been said.
    History "history" {
        /// What an undo takes back.
        undo: Undo {
            /// The messages, in memory and in the rows.
            RowsToo "rows_too",
            /// Those in memory; a resume brings them back (A18).
            MemoryOnly "memory_only",
        }
        /// What a prompt does that is to replace the messages from a negative ordinal on.
        negative: Negative {
            /// It is refused.
            Refused "refused",
            /// It counts from the end, and replaces what nobody has named (A19).
            FromTheEnd "from_the_end",
        }
        /// Which rows go when a conversation is cut.
        cut: Cut {
            /// Those of the messages cut off; what a compression in place has put aside stays.
            Active "active",
            /// All of them, and those that are left are written again (A19).
            All "all",
        }
        /// What becomes of a cut whose prompt finds the session at work.
        busy: BusyCut {
            /// It is refused with its prompt: what it names may be another message by the time its turn comes.
            Refused "refused",
            /// The prompt waits, and what it was to replace stays.
            Ignored "ignored",
        }
        /// Whether a compression that a client asks for, or an undo, holds the session as a turn does.
        hold: Hold {
            /// It does: no prompt starts meanwhile, and an end or an interrupt stops it.
            AsTurn "as_turn",
            /// It does not: a turn that starts meanwhile works on what is being replaced (S28).
            None "none",
        }
    }
}

impl History {
    /// Whether an undo takes rows back too.
    pub fn undoes_rows(&self) -> bool {
        match self.undo {
            Undo::RowsToo => true,
            Undo::MemoryOnly => false,
        }
    }

    /// How many messages are left when a conversation is cut before the user's message number `ordinal`, counted
    /// from 0; `None` when there is no such message.
    pub fn kept(&self, transcript: &Transcript, ordinal: i64) -> Option<usize> {
        let asked = users(transcript);
        let place = match self.negative {
            Negative::FromTheEnd if ordinal < 0 => {
                asked.len().checked_sub(usize::try_from(ordinal.unsigned_abs()).ok()?)
            }
            Negative::Refused | Negative::FromTheEnd => usize::try_from(ordinal).ok(),
        };
        asked.get(place?).copied()
    }

    /// Whether a prompt with a cut is refused while a turn runs.
    pub fn refuses_busy_cut(&self) -> bool {
        match self.busy {
            BusyCut::Refused => true,
            BusyCut::Ignored => false,
        }
    }

    /// Which rows a cut replaces.
    pub fn replaces(&self) -> Replaced {
        match self.cut {
            Cut::Active => Replaced::Active,
            Cut::All => Replaced::All,
        }
    }

    /// Whether work on the conversation holds the session.
    pub fn holds(&self) -> bool {
        match self.hold {
            Hold::AsTurn => true,
            Hold::None => false,
        }
    }
}

/// How many messages an undo leaves: all before the last one of the user.
pub fn before_last_prompt(transcript: &Transcript) -> usize {
    users(transcript).last().copied().unwrap_or(transcript.messages.len())
}

/// How many messages are settled: those before the turn that runs, which starts with the last one of the user.
pub fn settled(record: &Record) -> usize {
    if record.is_running() { before_last_prompt(&record.transcript) } else { record.transcript.messages.len() }
}

/// The places of the user's messages.
fn users(transcript: &Transcript) -> Vec<usize> {
    let messages = transcript.messages.iter().enumerate();
    messages.filter(|(_, message)| message.role == Role::User).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::store::NewMessage;

    /// Cuts a conversation of two prompts with an answer each.
    #[track_caller]
    fn check(negative: Negative, ordinal: i64, expected: Option<usize>) {
        let roles = [Role::User, Role::Assistant, Role::User, Role::Assistant, Role::Tool];
        let messages = roles.map(|role| NewMessage::text(role, "x", Wall(0)));
        let history = History { negative, ..History::default() };
        assert_eq!(history.kept(&Transcript::stored(messages.to_vec()), ordinal), expected, "{negative:?} {ordinal}");
    }

    #[test]
    fn a_cut_is_before_a_prompt_that_is_there() {
        check(Negative::Refused, 0, Some(0));
        check(Negative::Refused, 1, Some(2));
        for absent in [2, i64::MAX, -1, i64::MIN] {
            check(Negative::Refused, absent, None);
        }
        check(Negative::FromTheEnd, -1, Some(2));
        check(Negative::FromTheEnd, -2, Some(0));
        for absent in [2, -3, i64::MIN] {
            check(Negative::FromTheEnd, absent, None);
        }
    }
}

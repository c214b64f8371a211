//! Changing what has been said: where a conversation is cut, and what goes with it.

use crate::group::group;
use crate::record::{Record, Transcript};
use crate::store::{Replaced, Role};

group! {
    /// Changing what has been said.
    History "history" {
        /// What an undo removes.
        undo: Undo {
            /// The messages in memory and in the rows.
            RowsToo "rows_too",
            /// The messages in memory only; a resume brings them back (A18).
            MemoryOnly "memory_only",
        }
        /// What a prompt with a negative `truncate` ordinal does.
        negative: Negative {
            /// It is refused, and nothing is truncated.
            Refused "refused",
            /// It counts from the end, and replaces messages that were not named (A19).
            FromTheEnd "from_the_end",
        }
        /// Which message rows a truncation deletes.
        cut: Cut {
            /// Those of the removed messages; messages archived by an in-place compression stay.
            Active "active",
            /// All of them; the remaining messages are inserted again (A19).
            All "all",
        }
        /// What happens to a truncating prompt while a turn runs.
        busy: BusyCut {
            /// It is refused: by the time of its turn the ordinal may name another message.
            Refused "refused",
            /// The prompt is queued, and nothing is truncated.
            Ignored "ignored",
        }
        /// Whether `session.compress` and `session.undo` hold the session as a turn does.
        hold: Hold {
            /// They do: no prompt starts meanwhile, and an end or an interrupt stops them.
            AsTurn "as_turn",
            /// They do not: a turn that starts meanwhile works on messages that are being replaced (S28).
            None "none",
        }
        /// What `session.history` returns.
        shown: Shown {
            /// All messages of the conversation.
            All "all",
            /// All but the last one.
            AllButTheLast "all_but_the_last",
        }
    }
}

impl History {
    /// What an undo removes.
    pub fn undo(&self) -> Undo {
        self.undo
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

    /// What happens to a truncating prompt while a turn runs.
    pub fn on_busy(&self) -> BusyCut {
        self.busy
    }

    /// Which rows a cut replaces.
    pub fn replaces(&self) -> Replaced {
        match self.cut {
            Cut::Active => Replaced::Active,
            Cut::All => Replaced::All,
        }
    }

    /// How work on the conversation holds the session.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// How many of a conversation's messages a history has.
    pub fn shown(&self, messages: usize) -> usize {
        match self.shown {
            Shown::All => messages,
            Shown::AllButTheLast => messages.saturating_sub(1),
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
    #[test]
    fn cuts_and_undos_are_carried_out_by_release() {
        let decided = |history: &History| (history.undo(), history.on_busy(), history.hold(), history.replaces());
        let current = (Undo::RowsToo, BusyCut::Refused, Hold::AsTurn, Replaced::Active);
        assert_eq!(decided(&History::default()), current);
        let (undo, busy, hold) = (Undo::MemoryOnly, BusyCut::Ignored, Hold::None);
        let other = History { undo, busy, hold, cut: Cut::All, ..History::default() };
        assert_eq!(decided(&other), (undo, busy, hold, Replaced::All));
    }
}

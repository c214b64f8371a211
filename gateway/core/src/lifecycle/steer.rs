//! Words to a turn that runs, and what happens to those that it does not read.

use crate::group::group;
use crate::record::{AgentState, Queued, Record, SessionStage, TurnState};

group! {
    /// Words to a turn that runs.
    Steer "steer" {
        /// What happens to a steer that the turn does not read.
        unread: Unread {
            /// It becomes the next prompt; an idle session refuses steers.
            NextPrompt "next_prompt",
            /// It is lost, although it was accepted (A17).
            Lost "lost",
            /// It becomes the next prompt, unless the turn was interrupted: then it is lost, although it was accepted.
            LostOnInterrupt "lost_on_interrupt",
        }
    }
}

/// What to do with words to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steering {
    /// They wait until the turn reads them.
    Queue,
    /// Accept and drop them (A17).
    Drop,
    /// Refuse them: no turn runs.
    Reject,
    /// Refuse them: the session has no agent.
    NoAgent,
    /// Refuse them: the session is being ended, or opened.
    Unavailable,
}

impl Steer {
    /// Decides on words that have arrived.
    pub fn decide(&self, record: &Record) -> Steering {
        match (&record.agent.state, self.unread) {
            (_, Unread::NextPrompt | Unread::LostOnInterrupt) if record.stage != SessionStage::Open => {
                Steering::Unavailable
            }
            _ if record.is_running() => Steering::Queue,
            (AgentState::Ready, Unread::NextPrompt | Unread::LostOnInterrupt) => Steering::Reject,
            (AgentState::Ready, Unread::Lost) => Steering::Drop,
            (AgentState::Unbuilt | AgentState::Building | AgentState::Failed(_), _) => Steering::NoAgent,
        }
    }

    /// The turn is over: the words that it has not read go before the prompts that wait.
    pub fn carry_over(&self, turn: Option<TurnState>, waiting: &mut Vec<Queued>) {
        let Some(TurnState { steers, interrupted, .. }) = turn else { return };
        match self.unread {
            Unread::LostOnInterrupt if interrupted => drop(steers),
            Unread::NextPrompt | Unread::LostOnInterrupt => drop(waiting.splice(0..0, steers)),
            Unread::Lost => drop(steers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kept;
    use crate::record::samples::{idle, running, with};

    #[track_caller]
    fn check(unread: Unread, record: &Record, expected: Steering) {
        assert_eq!(Steer { unread }.decide(record), expected, "{unread:?}");
    }

    #[test]
    fn words_wait_for_a_turn() {
        let ready = with(idle(), |record| record.agent.state = AgentState::Ready);
        let closing = with(running(), |record| record.stage = SessionStage::Closing);
        check(Unread::NextPrompt, &running(), Steering::Queue);
        check(Unread::NextPrompt, &ready, Steering::Reject);
        check(Unread::NextPrompt, &idle(), Steering::NoAgent);
        check(Unread::NextPrompt, &closing, Steering::Unavailable);
        check(Unread::Lost, &closing, Steering::Queue);
        check(Unread::Lost, &ready, Steering::Drop);
        check(Unread::Lost, &idle(), Steering::NoAgent);
    }

    #[test]
    fn unread_words_come_first() {
        let carried = |unread, interrupted| {
            let prompt = |text: &str| Queued { text: text.to_owned(), link: None, kept: Kept::Memory, refusals: 0 };
            let mut waiting = vec![prompt("prompt")];
            let turn = running().turn.map(|turn| TurnState { interrupted, steers: vec![prompt("words")], ..turn });
            Steer { unread }.carry_over(turn, &mut waiting);
            waiting.into_iter().map(|queued| queued.text).collect::<Vec<_>>()
        };
        for interrupted in [false, true] {
            assert_eq!(carried(Unread::NextPrompt, interrupted), ["words", "prompt"]);
            assert_eq!(carried(Unread::Lost, interrupted), ["prompt"]);
        }
        assert_eq!(carried(Unread::LostOnInterrupt, false), ["words", "prompt"]);
        assert_eq!(carried(Unread::LostOnInterrupt, true), ["prompt"]);
    }
}

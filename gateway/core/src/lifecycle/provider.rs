//! What a model provider accepts: the ids and results of tool calls, and the conversation that an agent is given.

use super::request;
use crate::clock::Wall;
use crate::group::group;
use crate::store::{NewMessage, Placed, Role};

group! {
    /// What a model provider accepts: tool calls, roles, empty messages.
    Provider "provider" {
        /// The id under which a tool call is stored and sent to clients.
        call_ids: CallIds {
            /// One that no other call of the conversation has.
            Unique "unique",
            /// That of the agent, which is unique in its turn only: a provider refuses a conversation with two calls of one
            /// id (part of no release here: their ids come from providers, which repeat none).
            FromAgent "from_agent",
        }
        /// What becomes of a tool call that has no result when its turn is over, or was cut off with its process.
        open_calls: OpenCalls {
            /// It gets a result that says so: at the end of its turn, or when its session is resumed. A branch that begins
            /// during the call has neither of them.
            Closed "closed",
            /// It has no result for ever: a provider refuses each later prompt (hermes-agent#11351).
            Left "left",
        }
        /// The conversation that an agent is given with a prompt.
        roles: Roles {
            /// It begins with the user, and user and assistant alternate: messages of one role in a row are one message.
            Alternate "alternate",
            /// The messages as they are stored, also if two prompts are in a row (part of no release here: theirs merge
            /// prompts before each request).
            AsStored "as_stored",
        }
        /// How an answer of the agent without any text is stored.
        empty: Empty {
            /// As `(no text)`.
            Marked "marked",
            /// As an empty message, which a provider refuses (part of no release here).
            Stored "stored",
        }
    }
}

/// The text of an answer that has none.
const NO_TEXT: &str = "(no text)";

/// Why a tool call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutBy {
    /// Its process ended.
    Process,
    /// Its turn was interrupted.
    Interrupt,
    /// Its turn failed.
    Failure,
}

impl CutBy {
    /// The result that such a call gets.
    pub const fn result(self) -> &'static str {
        match self {
            Self::Process => "interrupted: the process ended before the result",
            Self::Interrupt => "interrupted: the turn was stopped before the result",
            Self::Failure => "interrupted: the turn failed before the result",
        }
    }
}

impl Provider {
    /// The id under which a tool call is stored and sent to clients.
    pub fn call_ids(&self) -> CallIds {
        self.call_ids
    }

    /// The results that the calls at the end of a conversation get which have none.
    pub fn closing(&self, messages: &[NewMessage], cut_by: CutBy, at: Wall) -> Vec<NewMessage> {
        match self.open_calls {
            OpenCalls::Closed => {
                request::unanswered(messages).into_iter().map(|call| result(call, cut_by, at)).collect()
            }
            OpenCalls::Left => Vec::new(),
        }
    }

    /// The results that all calls of a conversation get which have none, because their process ended. One in between has the
    /// time of the message before it, so that it has its place for whoever reads messages by their times.
    pub fn closing_all(&self, messages: &[NewMessage], at: Wall) -> Vec<Placed> {
        let placed = |(before, call): (usize, _)| {
            let at = if before < messages.len() { messages[before - 1].timestamp } else { at };
            Placed { before, message: result(call, CutBy::Process, at) }
        };
        match self.open_calls {
            OpenCalls::Closed => request::all_unanswered(messages).into_iter().map(placed).collect(),
            OpenCalls::Left => Vec::new(),
        }
    }

    /// The messages that a branch begins with: all, without a message at the end whose calls have no result yet.
    pub fn branched<'a>(&self, messages: &'a [NewMessage]) -> &'a [NewMessage] {
        match self.open_calls {
            OpenCalls::Closed if !request::unanswered(messages).is_empty() => {
                let calls = messages.iter().rposition(|message| message.tool_calls.is_some());
                &messages[..calls.unwrap_or(messages.len())]
            }
            OpenCalls::Closed | OpenCalls::Left => messages,
        }
    }

    /// The conversation that an agent is given. `messages` ends with its prompt.
    pub fn request(&self, messages: &[NewMessage]) -> Vec<NewMessage> {
        match self.roles {
            Roles::Alternate => request::repaired(messages),
            Roles::AsStored => messages.to_vec(),
        }
    }

    /// The text of an answer of the agent as it is stored and sent.
    pub fn said(&self, text: String) -> String {
        match self.empty {
            Empty::Marked if text.is_empty() => NO_TEXT.to_owned(),
            Empty::Marked | Empty::Stored => text,
        }
    }
}

fn result((id, name): (String, String), cut_by: CutBy, at: Wall) -> NewMessage {
    NewMessage { tool_call_id: Some(id), tool_name: Some(name), ..NewMessage::text(Role::Tool, cut_by.result(), at) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::request::samples::talk;

    #[test]
    fn ids_and_empty_answers_are_treated_by_release() {
        let decided = |provider: &Provider| {
            (provider.call_ids(), [String::new(), "x".to_owned()].map(|text| provider.said(text)))
        };
        let said = |empty: &str| [empty.to_owned(), "x".to_owned()];
        assert_eq!(decided(&Provider::default()), (CallIds::Unique, said("(no text)")));
        let other = Provider { call_ids: CallIds::FromAgent, empty: Empty::Stored, ..Provider::default() };
        assert_eq!(decided(&other), (CallIds::FromAgent, said("")));
    }

    /// Each call at the end gets a result, in the order of the calls.
    #[test]
    fn open_calls_are_closed() {
        let closing = |open_calls, words: &str| -> Vec<String> {
            let closing = Provider { open_calls, ..Provider::default() };
            let closing = closing.closing(&talk(words), CutBy::Process, Wall(0));
            assert!(closing.iter().all(|message| message.content.as_deref() == Some(CutBy::Process.result())));
            closing.into_iter().filter_map(|message| message.tool_call_id).collect()
        };
        assert_eq!(closing(OpenCalls::Closed, "u c1,2 r2"), ["1"]);
        assert_eq!(closing(OpenCalls::Closed, "u c1,2"), ["1", "2"]);
        assert!(closing(OpenCalls::Closed, "u c1 r1").is_empty() && closing(OpenCalls::Left, "u c1").is_empty());
    }

    /// A result in between has the time of its neighbour, one at the end that of the start.
    #[test]
    fn all_open_calls_are_closed() {
        let closing = |open_calls| {
            let closing = Provider { open_calls, ..Provider::default() }.closing_all(&talk("u c1 u c2"), Wall(7));
            closing.into_iter().map(|placed| (placed.before, placed.message.timestamp)).collect::<Vec<_>>()
        };
        assert_eq!(closing(OpenCalls::Closed), [(2, Wall(0)), (4, Wall(7))]);
        assert_eq!(closing(OpenCalls::Left), []);
    }

    /// A branch begins with no call that still runs.
    #[test]
    fn branches_begin_with_whole_calls() {
        let branched =
            |open_calls, words: &str| Provider { open_calls, ..Provider::default() }.branched(&talk(words)).len();
        assert_eq!(branched(OpenCalls::Closed, "a c1,2 r1"), 1);
        assert_eq!(branched(OpenCalls::Closed, "a c1 r1"), 3);
        assert_eq!(branched(OpenCalls::Left, "a c1"), 2);
    }
}

//! The rules of model providers for the messages of a conversation, judged message by message.
//!
//! The OpenAI chat protocol wants each call of an assistant message answered by a `tool` message before any other message
//! comes. The Anthropic protocol wants the same of `tool_use` and `tool_result`, unique ids, and no empty message.

use std::collections::BTreeSet;
use std::fmt;

use gateway_core::store::{NewMessage, Role};
use serde::Deserialize;

/// The calls and results of a conversation up to its last message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Talk {
    /// The ids of the calls of the last message with calls that have no result yet.
    open: Vec<String>,
    /// The ids of the calls of earlier messages that have no result.
    passed_over: Vec<String>,
    has_calls: bool,
}

/// A message that a provider refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A result of this call, which no message directly before it makes, or which has a result.
    Stray(String),
    /// This call has no result before the next message.
    Unanswered(String),
    /// A message of the assistant without text and without a call.
    Empty,
}

impl Talk {
    /// The ids of the calls that have no result, if the conversation ends with their message or its first results.
    pub(crate) fn open(&self) -> &[String] {
        &self.open
    }

    /// The ids of all calls that have no result, oldest first.
    pub(crate) fn without_result(&self) -> impl Iterator<Item = &String> {
        self.passed_over.iter().chain(&self.open)
    }

    /// Whether any message has a call.
    pub(crate) fn has_calls(&self) -> bool {
        self.has_calls
    }

    /// Adds a message to the end. Returns what a provider refuses of it, if it does.
    /// `calls` are the ids of the calls that it makes.
    pub(crate) fn add(&mut self, message: &NewMessage, calls: Vec<String>) -> Option<Flaw> {
        if message.role == Role::Tool {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            return match self.open.iter().position(|call| call == id) {
                Some(place) => {
                    self.open.remove(place);
                    None
                }
                None => {
                    self.passed_over.retain(|call| call != id);
                    Some(Flaw::Stray(id.to_owned()))
                }
            };
        }
        let unanswered = self.open.first().cloned();
        self.passed_over.append(&mut self.open);
        self.open = calls;
        self.has_calls |= !self.open.is_empty();
        let is_empty = message.role == Role::Assistant
            && message.tool_calls.is_none()
            && message.content.as_deref().unwrap_or_default().is_empty();
        unanswered.map(Flaw::Unanswered).or_else(|| is_empty.then_some(Flaw::Empty))
    }
}

/// Why a model provider refuses a conversation that is sent to it with a prompt at the end; `None` if it does not.
///
/// User and assistant alternate, and the user begins; a result of a tool is between the two. Of two protocols the stricter
/// rule is taken: OpenAI permits two messages of one role in a row, Anthropic joined or refused them.
pub(crate) fn refused(request: &[NewMessage]) -> Option<String> {
    let (mut talk, mut ids, mut last) = (Talk::default(), BTreeSet::new(), None);
    for message in request {
        let calls = calls(message);
        let repeated = calls.iter().find(|id| !ids.insert((*id).clone())).cloned();
        if let Some(flaw) = talk.add(message, calls) {
            return Some(flaw.to_string());
        }
        if let Some(id) = repeated {
            return Some(format!("two calls `{id}`"));
        }
        match (last, message.role) {
            (None, Role::Assistant | Role::Tool) => return Some("no message of the user at its beginning".to_owned()),
            (Some(Role::User), Role::User) => return Some("two messages of the user in a row".to_owned()),
            (Some(Role::Assistant), Role::Assistant) => {
                return Some("two messages of the assistant in a row".to_owned());
            }
            _ => last = Some(message.role),
        }
    }
    (last != Some(Role::User)).then(|| "no prompt at its end".to_owned())
}

/// The ids of the calls that a message makes, from the JSON of its `tool_calls`.
pub(crate) fn calls(message: &NewMessage) -> Vec<String> {
    let Some(calls) = &message.tool_calls else { return Vec::new() };
    let calls: Vec<Called> = serde_json::from_str(calls).unwrap_or_default();
    calls.into_iter().map(|call| call.id).collect()
}

/// A call in `tool_calls`, as far as it is read.
#[derive(Deserialize)]
struct Called {
    id: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stray(id) => {
                write!(f, "a result of the call `{id}`, and no call before it that has no other result")
            }
            Self::Unanswered(id) => write!(f, "a call `{id}` without a result before the next message"),
            Self::Empty => f.write_str("a message of the assistant without text and without a call"),
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::clock::Wall;
    use serde_json::Value;

    use super::*;

    /// Messages as words: `u` and `a` are texts, `c1,2` a message with two calls, `r1` a result, `-` an empty message.
    #[track_caller]
    fn check(words: &str, expected: &[&str], open: &[&str]) {
        let mut talk = Talk::default();
        let flaws: Vec<String> = words
            .split(' ')
            .filter_map(|word| talk.add(&message(word), calls(&message(word))))
            .map(|flaw| flaw.to_string())
            .collect();
        let found: Vec<&str> = flaws.iter().map(|flaw| &flaw[..flaw.find(',').unwrap_or(flaw.len())]).collect();
        assert_eq!(
            (found.as_slice(), talk.open()),
            (expected, &open.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..]),
            "{words}"
        );
    }

    fn message(word: &str) -> NewMessage {
        let text = |role, text: &str| NewMessage::text(role, text, Wall(0));
        match word.split_at(1) {
            ("u", _) => text(Role::User, "hello"),
            ("c", ids) => {
                let calls: Vec<Value> = ids.split(',').map(|id| serde_json::json!({"id": id})).collect();
                NewMessage { tool_calls: Some(Value::from(calls).to_string()), ..text(Role::Assistant, "") }
            }
            ("r", id) => NewMessage { tool_call_id: Some(id.to_owned()), ..text(Role::Tool, "ok") },
            ("-", _) => text(Role::Assistant, ""),
            _ => text(Role::Assistant, "hello"),
        }
    }

    #[test]
    fn a_provider_wants_alternating_roles() {
        let reason = |words: &str| refused(&words.split(' ').map(message).collect::<Vec<_>>());
        for accepted in ["u", "u a u", "u c1,2 r1 r2 u", "u c1 r1 a u"] {
            assert_eq!(reason(accepted), None, "{accepted}");
        }
        for (words, expected) in [
            ("u u", "two messages of the user in a row"),
            ("u a a u", "two messages of the assistant in a row"),
            ("a u", "no message of the user at its beginning"),
            ("u a", "no prompt at its end"),
            ("u c1 u", "a call `1` without a result before the next message"),
            ("u c1 r1 c1 r1 u", "two calls `1`"),
        ] {
            assert_eq!(reason(words).as_deref(), Some(expected), "{words}");
        }
    }

    /// A call that was passed over has no result, unless one comes late.
    #[test]
    fn calls_without_a_result_are_known() {
        for (words, expected) in [("u c1 u c2", "1 2"), ("u c1 u r1", ""), ("u c1,2 r1 u a", "2"), ("u c1 r1 a", "")] {
            let mut talk = Talk::default();
            words.split(' ').map(message).for_each(|message| drop(talk.add(&message, calls(&message))));
            let open: Vec<&str> = talk.without_result().map(String::as_str).collect();
            assert_eq!(open.join(" "), expected, "{words}");
        }
    }

    #[test]
    fn each_result_follows_its_call() {
        check("u c1 r1 a u c2,3 r3 r2 a", &[], &[]);
        check("u c1", &[], &["1"]);
        check("u c1,2 r2", &[], &["1"]);
        check("a r1", &["a result of the call `1`"], &[]);
        check("u c1 r1 r1 a", &["a result of the call `1`"], &[]);
        check("u c1 u a", &["a call `1` without a result before the next message"], &[]);
        check("u c1 u r1", &["a call `1` without a result before the next message", "a result of the call `1`"], &[]);
        check("u - u", &["a message of the assistant without text and without a call"], &[]);
    }
}

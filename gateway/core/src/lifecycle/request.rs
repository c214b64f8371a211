//! The conversation as a model provider accepts it, made from the stored messages.
//!
//! The OpenAI chat protocol: the calls of an assistant message are answered by `tool` messages before any other message
//! comes, and each `tool` message answers such a call. The Anthropic protocol: the first message is the user's, user and
//! assistant alternate (a result counts as the user's), and no message is empty. A request that obeys both is made here.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::store::{NewMessage, Role};

/// The message of the user before a summary, with which a conversation can begin after a compression.
pub const SUMMARIZED: &str = "(earlier messages were replaced by a summary)";

/// The result of a call that has none.
const NO_RESULT: &str = "(no result is known)";

/// The calls at the end of a conversation that have no result, as id and name.
pub(crate) fn unanswered(messages: &[NewMessage]) -> Vec<(String, String)> {
    let results = messages.iter().rev().take_while(|message| message.role == Role::Tool).count();
    let (before, results) = messages.split_at(messages.len() - results);
    let mut open = before.last().map(calls).unwrap_or_default();
    open.retain(|(id, _)| results.iter().all(|result| result.tool_call_id.as_ref() != Some(id)));
    open
}

/// The calls of a whole conversation that have no result, as id and name, in order. With each comes how many messages come before
/// the place of its result: behind its message and the results that follow that one. A result that comes later, before another
/// message with a call of this id, is one, although a provider does not take it for one. Linear: a row may have any length.
pub(crate) fn all_unanswered(messages: &[NewMessage]) -> Vec<(usize, (String, String))> {
    // By their number; and the numbers of those that the next result with an id answers.
    let (mut made, mut open, mut latest) = (0, BTreeMap::new(), BTreeMap::<String, Vec<usize>>::new());
    for (place, message) in messages.iter().enumerate() {
        if message.role == Role::Tool {
            let answered = message.tool_call_id.as_ref().and_then(|id| latest.remove(id));
            answered.into_iter().flatten().for_each(|number| _ = open.remove(&number));
        }
        let calls = calls(message);
        if calls.is_empty() {
            continue;
        }
        let results = messages[place + 1..].iter().take_while(|message| message.role == Role::Tool).count();
        calls.iter().for_each(|(id, _)| _ = latest.remove(id));
        for call in calls {
            latest.entry(call.0.clone()).or_default().push(made);
            open.insert(made, (place + 1 + results, call));
            made += 1;
        }
    }
    open.into_values().collect()
}

/// The messages as a provider accepts them: user and assistant alternate, each call has one result, and nothing is empty.
/// Texts of one role in a row become one, a missing result is added, a result without its call is left out.
pub(crate) fn repaired(messages: &[NewMessage]) -> Vec<NewMessage> {
    let mut repaired: Vec<NewMessage> = Vec::new();
    let mut open: Vec<(String, String)> = Vec::new();
    for message in messages {
        if message.role == Role::Tool {
            let call = open.iter().position(|(id, _)| message.tool_call_id.as_ref() == Some(id));
            if let Some(call) = call {
                open.remove(call);
                repaired.push(message.clone());
            }
            continue;
        }
        repaired.extend(open.drain(..).map(|(id, name)| NewMessage {
            tool_call_id: Some(id),
            tool_name: Some(name),
            ..NewMessage::text(Role::Tool, NO_RESULT, message.timestamp)
        }));
        open = calls(message);
        add(&mut repaired, message);
    }
    repaired
}

/// Appends a message of the user or the assistant, or joins it to the last one if that has the same role.
fn add(repaired: &mut Vec<NewMessage>, message: &NewMessage) {
    let text = message.content.as_deref().unwrap_or_default();
    if message.role == Role::Assistant && text.is_empty() && message.tool_calls.is_none() {
        return;
    }
    if repaired.is_empty() && message.role == Role::Assistant {
        repaired.push(NewMessage::text(Role::User, SUMMARIZED, message.timestamp));
    }
    match repaired.last_mut() {
        Some(last) if last.role == message.role => {
            let before = last.content.take().unwrap_or_default();
            let between = if before.is_empty() || text.is_empty() { "" } else { "\n\n" };
            last.content = Some(format!("{before}{between}{text}"));
            last.tool_calls = message.tool_calls.clone();
        }
        _ => repaired.push(message.clone()),
    }
}

/// The calls of a message as id and name, from the JSON of its `tool_calls`.
fn calls(message: &NewMessage) -> Vec<(String, String)> {
    let Some(calls) = &message.tool_calls else { return Vec::new() };
    let calls: Vec<Value> = serde_json::from_str(calls).unwrap_or_default();
    let name = |call: &Value| call["function"]["name"].as_str().unwrap_or_default().to_owned();
    calls.iter().filter_map(|call| Some((call["id"].as_str()?.to_owned(), name(call)))).collect()
}

/// Conversations for tests.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::clock::Wall;

    /// Messages from words: `u` and `a` are texts of the user and the assistant, `c1,2` is a message with two calls, `r1` a
    /// result, `-` an empty message.
    pub(crate) fn talk(words: &str) -> Vec<NewMessage> {
        let text = |role, text: &str| NewMessage::text(role, text, Wall(0));
        let message = |word: &str| match word.split_at(1) {
            ("u", _) => text(Role::User, word),
            ("c", ids) => {
                let call = |id: &str| serde_json::json!({"id": id, "function": {"name": "terminal"}});
                let calls: Vec<Value> = ids.split(',').map(call).collect();
                NewMessage { tool_calls: Some(Value::from(calls).to_string()), ..text(Role::Assistant, "") }
            }
            ("r", id) => NewMessage { tool_call_id: Some(id.to_owned()), ..text(Role::Tool, "ok") },
            ("-", _) => text(Role::Assistant, ""),
            _ => text(Role::Assistant, word),
        };
        words.split(' ').map(message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::samples::talk;
    use super::*;

    #[track_caller]
    fn check(words: &str, expected: &[&str]) {
        let shown = |message: &NewMessage| {
            let calls: Vec<_> = calls(message).into_iter().map(|(id, _)| id).collect();
            let text = message.content.as_deref().unwrap_or_default();
            let call = message.tool_call_id.as_deref().unwrap_or_default();
            format!("{} {text}{call}{}", message.role.as_str(), calls.join(","))
        };
        let repaired: Vec<String> = repaired(&talk(words)).iter().map(shown).collect();
        assert_eq!(repaired, expected, "{words}");
    }

    #[test]
    fn user_and_assistant_alternate() {
        check("u1 a1 u2", &["user u1", "assistant a1", "user u2"]);
        check("u1 u2", &["user u1\n\nu2"]);
        check("u1 a1 a2 u2", &["user u1", "assistant a1\n\na2", "user u2"]);
        check("a1 u1", &["user (earlier messages were replaced by a summary)", "assistant a1", "user u1"]);
        check("u1 - u2", &["user u1\n\nu2"]);
    }

    /// A result belongs behind the message with its call and the results that are there.
    #[test]
    fn calls_without_a_result_are_found_anywhere() {
        let found = |words: &str| {
            let open = all_unanswered(&talk(words)).into_iter();
            open.map(|(before, (id, _))| format!("{id} at {before}")).collect::<Vec<_>>().join(", ")
        };
        for (words, expected) in [
            ("u c1,2 r1 u a c3 r3", "2 at 3"),
            ("u c1 u c2 a c3", "1 at 2, 2 at 4, 3 at 6"),
            ("u c1,2 u", "1 at 2, 2 at 2"),
            ("u c1 u r1", ""),
            ("u c1 u c1 r1", "1 at 2"),
            ("u a", ""),
        ] {
            assert_eq!(found(words), expected, "{words}");
        }
    }

    /// The same follows from looking for the result of each call on its own, in all conversations of up to five of these words.
    #[test]
    fn calls_without_a_result_are_those_that_none_answers() {
        const WORDS: [&str; 7] = ["u", "a", "c1", "c2", "c1,2", "r1", "r2"];
        let alone = |messages: &[NewMessage]| {
            let mut open = Vec::new();
            for (place, message) in messages.iter().enumerate() {
                let later = &messages[place + 1..];
                let results = later.iter().take_while(|message| message.role == Role::Tool).count();
                let has_result = |id: &str| {
                    let until = later.iter().position(|message| calls(message).iter().any(|(other, _)| other == id));
                    let own = &later[..until.unwrap_or(later.len())];
                    own.iter().any(|message| message.role == Role::Tool && message.tool_call_id.as_deref() == Some(id))
                };
                let without = calls(message).into_iter().filter(|(id, _)| !has_result(id));
                open.extend(without.map(|call| (place + 1 + results, call)));
            }
            open
        };
        for number in 0..WORDS.len().pow(5) {
            let words =
                (0..5).map(|place| WORDS[number / WORDS.len().pow(place) % WORDS.len()]).collect::<Vec<_>>().join(" ");
            let messages = talk(&words);
            assert_eq!(all_unanswered(&messages), alone(&messages), "{words}");
        }
    }

    #[test]
    fn each_call_has_a_result() {
        let whole = ["user u1", "assistant 1", "tool ok1", "user u2"];
        check("u1 c1 r1 u2", &whole);
        check("u1 c1 r1 r1 u2", &whole);
        check("u1 c1 u2", &["user u1", "assistant 1", "tool (no result is known)1", "user u2"]);
        check("u1 r1 u2", &["user u1\n\nu2"]);
        check("u1 a1 c1 r1 u2", &["user u1", "assistant a11", "tool ok1", "user u2"]);
    }
}

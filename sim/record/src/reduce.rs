//! What is kept of a frame: ids, numbers, flags and words of the protocol. Texts of users and agents become numbers, unless
//! they are asked for.
//!
//! The list says what stays, so what is unknown is left out. A password or a secret stays never.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Keys whose values are ids, words of the protocol, numbers or flags.
const KEPT: &[&str] = &[
    "choice",
    "close_on_disconnect",
    "closed",
    "code",
    "current_session_id",
    "eager_build",
    "id",
    "idempotency_key",
    "key",
    "kind",
    "last_seen",
    "latest_seq",
    "lazy",
    "message_count",
    "method",
    "model",
    "name",
    "parent_session_id",
    "request_id",
    "resolution",
    "resumed",
    "role",
    "running",
    "seen_in",
    "seq",
    "session_id",
    "session_key",
    "source",
    "status",
    "stored_session_id",
    "tool_id",
    "truncate_before_user_ordinal",
    "truncated",
    "type",
    "version",
];

/// Keys whose values are texts.
const TEXTS: &[&str] = &["answer", "content", "message", "prompt", "question", "text", "title"];

/// Keys whose values are objects or lists, which are reduced themselves.
const INNER: &[&str] =
    &["error", "events", "info", "messages", "missed", "params", "payload", "pending", "result", "sessions"];

/// Methods whose answers are passwords or secrets.
const SECRET: [&str; 2] = ["sudo.respond", "secret.respond"];

/// Whether texts are kept, and the numbers of those that are not.
#[derive(Debug, Default)]
pub struct Texts {
    kept: bool,
    /// Equal texts have equal numbers: two requests for one title have to meet in the scenario as well.
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    /// Each text becomes a number and a length.
    pub fn hidden() -> Self {
        Self::default()
    }

    /// Texts stay as they are, except passwords and secrets.
    pub fn kept() -> Self {
        Self { kept: true, numbers: BTreeMap::new() }
    }

    /// The text as it is kept.
    pub fn reduce(&mut self, text: &str) -> Value {
        if self.kept {
            return text.into();
        }
        let next = self.numbers.len() + 1;
        // Gateways store a title without the white space around it.
        let number = *self.numbers.entry(text.trim().to_owned()).or_insert(next);
        json!({"text": number, "length": text.chars().count()})
    }

    /// What is kept of a JSON-RPC frame.
    pub(crate) fn frame(&mut self, frame: &Value) -> Value {
        let mut kept = self.inner(frame);
        if let Some(method) = frame["method"].as_str().filter(|method| SECRET.contains(method)) {
            kept["params"]["answer"] = Self::hidden().reduce(method);
        }
        // A resume may name its session by the title, which is a text.
        let named =
            frame["params"]["session_id"].as_str().filter(|id| frame["method"] == "session.resume" && !is_id(id));
        if let (Some(title), Some(params)) = (named, kept["params"].as_object_mut()) {
            params.remove("session_id");
            params.insert("title".to_owned(), self.reduce(title));
        }
        // The settings of this project's gateway, as `config.get` answers.
        let config = &frame["result"]["config"];
        if let Some(gateway) = config.get("gateway").filter(|gateway| gateway.is_object()) {
            kept["result"] = json!({"config": {"gateway": gateway}});
        } else if let Some(busy) = config["display"].get("busy_input_mode").filter(|busy| busy.is_string()) {
            kept["result"] = json!({"config": {"display": {"busy_input_mode": busy}}});
        }
        kept
    }

    fn inner(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let kept = fields.iter().filter_map(|(key, value)| Some((key.clone(), self.field(key, value)?)));
                Value::Object(kept.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.iter().map(|item| self.inner(item)).collect(),
            Value::String(_) => Value::Null,
            other => other.clone(),
        }
    }

    fn field(&mut self, key: &str, value: &Value) -> Option<Value> {
        match value {
            Value::String(text) if TEXTS.contains(&key) => Some(self.reduce(text)),
            Value::Object(_) | Value::Array(_) if INNER.contains(&key) => Some(self.inner(value)),
            Value::Object(_) | Value::Array(_) | Value::Null => None,
            _ if KEPT.contains(&key) => Some(value.clone()),
            _ => None,
        }
    }
}

/// Whether a text may be a stored id: all gateways begin it with a time, as `20260101_000000_c0f0b2`.
fn is_id(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    match (text.get(..8), text.get(8..9), text.get(9..15)) {
        (Some(date), Some("_"), Some(time)) => digits(date) && digits(time) && text.chars().all(plain),
        _ => false,
    }
}

/// A reduced text as a scenario has it: `text 3`, or the text itself.
pub(crate) fn shown(text: &Value) -> String {
    match text {
        Value::String(text) => text.clone(),
        hidden => format!("text {}", hidden["text"]),
    }
}

/// The number of characters of a reduced text.
pub(crate) fn length(text: &Value) -> u64 {
    text.as_str().map_or_else(|| text["length"].as_u64().unwrap_or_default(), |text| text.chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing that a user or an agent has written is left, in whatever place; ids, words and numbers are.
    #[test]
    fn texts_are_left_out() {
        let frame = json!({"id": "r1", "method": "prompt.submit", "params": {
            "session_id": "5a3c", "text": "PRIVATE", "note": "PRIVATE", "attachments": [{"text": "PRIVATE"}],
            "messages": [{"role": "user", "content": "PRIVATE"}, "PRIVATE"], "lazy": true,
        }});
        let kept = Texts::hidden().frame(&frame);
        assert!(!kept.to_string().contains("PRIVATE"), "{kept}");
        let text = json!({"text": 1, "length": 7});
        let messages = json!([{"role": "user", "content": text}, null]);
        let params = json!({"session_id": "5a3c", "text": text, "messages": messages, "lazy": true});
        assert_eq!(kept, json!({"id": "r1", "method": "prompt.submit", "params": params}));
    }

    /// Equal texts have one number, others have another. The white space around a title does not count.
    #[test]
    fn equal_texts_stay_equal() {
        let mut texts = Texts::hidden();
        let numbers = ["a", "b", "a", " a\n"].map(|text| shown(&texts.reduce(text)));
        assert_eq!(numbers, ["text 1", "text 2", "text 1", "text 1"]);
    }

    /// A resume by its id keeps the id; one by the title has the same number as the request that gave the title.
    #[test]
    fn a_title_in_a_resume_is_a_text() {
        let mut texts = Texts::hidden();
        let mut params =
            |method: &str, params: Value| texts.frame(&json!({"method": method, "params": params}))["params"].take();
        let title = json!({"text": 1, "length": 7});
        assert_eq!(params("session.title", json!({"session_id": "5a3c", "title": "PRIVATE"}))["title"], title);
        assert_eq!(params("session.resume", json!({"session_id": "PRIVATE"})), json!({"title": title}));
        assert_eq!(params("session.resume", json!({"session_id": "20260101-PRIVATE"}))["title"]["text"], 2);
        let id = json!({"session_id": "20260101_000000_c0f0b2"});
        assert_eq!(params("session.resume", id.clone()), id);
    }

    /// `--text` keeps what was said, but no password.
    #[test]
    fn a_password_is_never_kept() {
        let mut texts = Texts::kept();
        let frame = |method: &str| json!({"method": method, "params": {"request_id": "a", "answer": "hunter2"}});
        assert_eq!(texts.frame(&frame("clarify.respond"))["params"]["answer"], "hunter2");
        for method in SECRET {
            assert!(!texts.frame(&frame(method)).to_string().contains("hunter2"), "{method}");
        }
    }
}

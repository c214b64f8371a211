//! Which answer belongs to which request.
//!
//! A client may go on before it has an answer: it resumes a session and at once sends another request, or an event names the new
//! runtime id earlier than the answer does. Steps keep the order of the requests, so what a request leads to has to be known
//! when it is read.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::journal::{Entry, Event};

/// By the place of a request among the entries, its answer.
#[derive(Default)]
pub(super) struct Answers<'a>(BTreeMap<usize, Answer<'a>>);

/// An answer.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a>(&'a Value);

/// The fields in which gateways name the stored id of a session, the first that is there.
const STORED: [&str; 3] = ["stored_session_id", "session_key", "resumed"];

/// The code of a refusal for want of a row.
const STORED_NOT_FOUND: i64 = 4007;

impl<'a> Answers<'a> {
    /// Pairs the requests of each connection with their answers.
    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let mut asked: BTreeMap<(u64, String), usize> = BTreeMap::new();
        let mut answers = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let key = |frame: &Value| (entry.connection, frame["id"].to_string());
            match &entry.event {
                Event::Request(frame) if frame.get("id").is_some() => {
                    asked.insert(key(frame), place);
                }
                Event::Answer(frame) => {
                    if let Some(request) = asked.remove(&key(frame)) {
                        answers.insert(request, Answer(frame));
                    }
                }
                _ => {}
            }
        }
        Self(answers)
    }

    /// The answer to the request at this place; `None` if it never came.
    pub(super) fn to(&self, place: usize) -> Option<Answer<'a>> {
        self.0.get(&place).copied()
    }
}

impl<'a> Answer<'a> {
    /// Whether the request was refused.
    pub(super) fn refuses(self) -> bool {
        self.0.get("error").is_some()
    }

    /// Whether the request was refused because no row has the id or the title.
    pub(super) fn finds_nothing(self) -> bool {
        self.0["error"]["code"] == STORED_NOT_FOUND
    }

    /// The runtime id of the session that the request leads to.
    pub(super) fn runtime(self) -> Option<&'a str> {
        self.0["result"]["session_id"].as_str()
    }

    /// The stored id of that session.
    pub(super) fn stored(self) -> Option<&'a str> {
        STORED.into_iter().find_map(|key| self.0["result"][key].as_str())
    }
}

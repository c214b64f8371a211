//! What the proxy sees, on its way into the journal.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a recording has the machine's time")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::journal::{Entry, Event, How, Journal, JournalError, Side};
use crate::reduce::Texts;
use crate::rows;
use sim_scenario::Word;

/// Notes events with their times.
pub struct Recorder {
    began: Instant,
    db: Option<PathBuf>,
    state: RefCell<State>,
}

struct State {
    journal: Journal,
    texts: Texts,
    connections: u64,
    /// The methods of the requests that wait for an answer, by connection and id.
    pending: BTreeMap<(u64, String), String>,
    /// The stored ids of the database at the start that no client has asked for yet.
    earlier: BTreeSet<String>,
    /// Why the journal has a gap.
    trouble: Option<JournalError>,
}

/// Where and what is recorded.
pub struct Start<'a> {
    /// The file of the journal, which must not exist.
    pub journal: &'a Path,
    /// The gateway's database, if it is known.
    pub db: Option<&'a Path>,
    /// The gateway, as `ADDRESS/PATH`.
    pub gateway: String,
    /// Whether texts are kept.
    pub texts: Texts,
}

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal exists or cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The database cannot be read.
    #[error("the rows of `{path}` cannot be read: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl Recorder {
    /// Begins a recording at this instant.
    ///
    /// # Errors
    /// The journal exists or cannot be written; the database is there and cannot be read, so that its rows could not be
    /// distinguished from new ones.
    pub fn start(start: Start<'_>) -> Result<Self, StartError> {
        // A gateway that has not started yet has no database.
        let earlier: BTreeSet<String> = match start.db.filter(|db| db.exists()) {
            Some(db) => rows::ids(db).map_err(|source| StartError::Database { path: db.to_owned(), source })?,
            None => BTreeSet::new(),
        };
        let mut journal = Journal::create(start.journal)?;
        // Read together, so that the times of rows can be distinguished from those of events.
        let (began, wall) = (Instant::now(), SystemTime::now().duration_since(SystemTime::UNIX_EPOCH));
        let wall_ms = u64::try_from(wall.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        let event = Event::Began { wall_ms, gateway: start.gateway, rows: earlier.clone() };
        journal.append(&Entry { at: 0, connection: 0, event })?;
        let state =
            State { journal, texts: start.texts, connections: 0, pending: BTreeMap::new(), earlier, trouble: None };
        Ok(Self { began, db: start.db.map(Path::to_owned), state: RefCell::new(state) })
    }

    /// Notes the end of the recording, and returns the first mistake of the journal.
    ///
    /// # Errors
    /// An event could not be written.
    pub fn finish(&self) -> Result<(), JournalError> {
        self.note(0, Event::Finished);
        self.state.borrow_mut().trouble.take().map_or(Ok(()), Err)
    }

    /// A WebSocket connection is open; returns its number.
    pub(crate) fn connected(&self, path: &str) -> u64 {
        let connection = {
            let mut state = self.state.borrow_mut();
            state.connections += 1;
            state.connections
        };
        self.note(connection, Event::Connected { path: path.to_owned() });
        connection
    }

    pub(crate) fn ended(&self, connection: u64, by: Side, how: How) {
        self.note(connection, Event::Ended { by, how });
    }

    pub(crate) fn unreachable(&self) {
        self.note(0, Event::Unreachable);
    }

    pub(crate) fn foreign(&self, connection: u64, from: Side, kind: &str) {
        self.note(connection, Event::Foreign { from, kind: kind.to_owned() });
    }

    /// A text message.
    pub(crate) fn text(&self, connection: u64, from: Side, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return self.foreign(connection, from, "no JSON");
        };
        let method = frame["method"].as_str();
        match (from, method) {
            (Side::Client, Some(method)) => self.request(connection, method, &frame),
            (Side::Gateway, Some("event")) => {
                let notice = self.state.borrow_mut().texts.frame(&frame)["params"].take();
                self.note(connection, Event::Notice(notice));
            }
            (Side::Gateway, None) if frame.get("id").is_some() => self.answer(connection, &frame),
            _ => self.foreign(connection, from, "no JSON-RPC"),
        }
    }

    fn request(&self, connection: u64, method: &str, frame: &Value) {
        if let Some(id) = frame.get("id") {
            self.state.borrow_mut().pending.insert((connection, id.to_string()), method.to_owned());
        }
        if method == "session.resume"
            && let Some(id) = frame["params"]["session_id"].as_str()
        {
            self.look_up(id);
        }
        let kept = if has_content(method) {
            self.state.borrow_mut().texts.frame(frame)
        } else {
            json!({"id": frame["id"], "method": method})
        };
        self.note(connection, Event::Request(kept));
    }

    fn answer(&self, connection: u64, frame: &Value) {
        let method = self.state.borrow_mut().pending.remove(&(connection, frame["id"].to_string()));
        let kept = match method.as_deref() {
            Some(method) if has_content(method) => self.state.borrow_mut().texts.frame(frame),
            _ => {
                let error = frame.get("error").map(|error| json!({"code": error["code"]}));
                let fields = [("id", Some(frame["id"].clone())), ("error", error)];
                let fields = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        };
        self.note(connection, Event::Answer(kept));
    }

    /// Notes the row from before the recording that a client names by its id or its title, and those that continue it.
    fn look_up(&self, named: &str) {
        let Some(db) = self.db.as_ref().filter(|_| !self.state.borrow().earlier.is_empty()) else { return };
        for id in rows::lineage(db, named).unwrap_or_default() {
            let is_earlier = self.state.borrow_mut().earlier.remove(&id);
            let row = is_earlier.then(|| rows::earlier(db, &id, &mut self.state.borrow_mut().texts));
            if let Some(Ok(row)) = row {
                self.note(0, Event::EarlierRow(row));
            }
        }
    }

    fn note(&self, connection: u64, event: Event) {
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut state = self.state.borrow_mut();
        // Half a line at the end is left out by a reader; one in the middle would spoil the rest.
        if state.trouble.is_some() {
            return;
        }
        // The frame is passed all the same: what is recorded must not stop what runs.
        state.trouble = state.journal.append(&Entry { at, connection, event }).err();
    }
}

/// Whether a scenario can hold something of a request with this method. Of any other only the method is kept.
fn has_content(method: &str) -> bool {
    let steps = || Word::ALL.iter().any(|word| word.entry().word == method);
    method == "config.get" || method.ends_with(".respond") || steps()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a request that no step is made of, nothing but the method is kept.
    #[test]
    fn unknown_requests_have_no_content() {
        let known = ["session.create", "prompt.submit", "approval.respond", "config.get"];
        assert!(known.into_iter().all(has_content));
        assert!(!["fs.read", "pet.cells", "model.options"].into_iter().any(has_content));
    }
}

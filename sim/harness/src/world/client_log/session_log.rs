//! What was said to, and heard of, one live session, by all clients together.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::store::StoredId;
use serde_json::Value;

use super::request::SentRequest;

/// The account of a session.
#[derive(Default)]
pub(crate) struct SessionLog {
    /// The stored id under which clients know it.
    pub(crate) stored: Option<StoredId>,
    /// The prompts that were accepted and started at once.
    pub(crate) started: Vec<String>,
    /// The prompts that were accepted and had to wait.
    pub(crate) queued: Vec<String>,
    /// The words to a turn that were accepted.
    pub(crate) steers: Vec<String>,
    /// The answers to its agent's questions that were accepted.
    pub(crate) answers: Vec<String>,
    /// The kind of client that it was said to belong to when it was made.
    pub(crate) source: Option<String>,
    /// The titles that were asked for, whether or not a client has heard what became of that.
    pub(crate) asked_titles: Vec<String>,
    /// The titles that were given.
    pub(crate) titles: Vec<String>,
    /// The titles that were accepted and wait for a row; the last one stands.
    pub(crate) waiting_titles: Vec<String>,
    /// The results of tools that were shown.
    pub(crate) results: Vec<String>,
    /// The turns that were said to have ended with an answer or an interrupt.
    pub(crate) ends: Vec<TurnEnd>,
    /// How often a client has asked it to stop or to be closed.
    pub(crate) stops: u64,
    run: Run,
    /// Who was told that the turn is to stop, and has not heard of another since.
    stopped: BTreeSet<String>,
    /// By client: the number of the last event that it heard.
    latest: BTreeMap<String, u64>,
}

/// The end of a turn, as a client heard it.
pub(crate) enum TurnEnd {
    /// With this answer.
    Complete(String),
    /// It was stopped.
    Interrupted,
}

/// What was said since the session was last known to be idle.
#[derive(Default)]
struct Run {
    /// Requests without an answer that may start or stop work.
    unanswered: u64,
    /// Prompts that were sent, and words to a turn, which may become prompts.
    prompts: u64,
    steers: u64,
    accepted: u64,
    /// Turns that nobody had heard of when the first prompt had to wait for them: of what a job has said.
    unseen: u64,
    /// Requests to stop.
    stops: u64,
    /// Turns that ended.
    ends: u64,
    /// Who heard of it. What two clients hear is in no order.
    hearer: Option<String>,
    heard_by_many: bool,
    /// An error has been heard, which may be the end of a turn or not, or a job that becomes a turn: ends cannot be
    /// counted any more.
    uncertain: bool,
}

impl SessionLog {
    /// A client sent a request to it.
    pub(super) fn sent(&mut self, method: &str) {
        let idle =
            self.run.unanswered == 0 && self.run.steers == 0 && self.run.accepted + self.run.unseen == self.run.ends;
        match method {
            "prompt.submit" => {
                if idle {
                    self.run = Run { uncertain: self.run.uncertain, ..Run::default() };
                }
                self.run.prompts += 1;
            }
            "session.steer" => self.run.steers += 1,
            "session.interrupt" | "session.close" => {
                self.stops += 1;
                self.run.stops += 1;
            }
            _ => return,
        }
        self.run.unanswered += 1;
    }

    /// It was answered.
    pub(super) fn answered(&mut self, client: &str, request: &SentRequest, result: &Result<Value, i64>) {
        let method = request.method.as_str();
        if method == "session.interrupt" && result.is_ok() {
            self.stopped.insert(client.to_owned());
        }
        if matches!(method, "prompt.submit" | "session.steer" | "session.interrupt" | "session.close") {
            self.run.unanswered = self.run.unanswered.saturating_sub(1);
        }
        let Ok(result) = result else { return };
        let text = || request.params["text"].as_str().unwrap_or_default().to_owned();
        match (method, result["status"].as_str().unwrap_or_default()) {
            ("prompt.submit", "streaming") => self.started.push(text()),
            ("prompt.submit", "queued") => {
                self.queued.push(text());
                if self.run.accepted == 0 {
                    self.run.unseen += 1;
                }
            }
            ("session.steer", "queued") => self.steers.push(text()),
            ("session.title", _) => {
                let waits = result["pending"] == true;
                let titles = if waits { &mut self.waiting_titles } else { &mut self.titles };
                titles.extend(request.params["title"].as_str().map(str::to_owned));
            }
            _ => {}
        }
        if method == "prompt.submit" {
            self.run.accepted += 1;
        }
    }

    /// Whether a client hears an answer go on that it was told is to stop. One that has missed an event may have missed that
    /// another turn began; only where events have numbers it is known that none was missed.
    pub(super) fn goes_on(&mut self, client: &str, kind: &str, seq: u64) -> bool {
        let missed_some = self.latest.get(client).is_none_or(|latest| latest + 1 != seq);
        if missed_some || kind == "message.start" {
            self.stopped.remove(client);
        }
        kind == "message.delta" && self.stopped.contains(client)
    }

    /// An event came from it; false for the end of a turn that was stopped though nobody had asked for that.
    pub(super) fn heard(&mut self, client: &str, kind: &str, payload: &Value) -> bool {
        let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
        match kind {
            "tool.complete" => self.results.push(text("result")),
            "error" => self.run.uncertain = true,
            // What a background job says becomes a turn of its own.
            "status.update" if payload["kind"] == "process" => self.run.uncertain = true,
            "message.complete" => {
                self.run.ended(client);
                if payload["status"] == "interrupted" {
                    self.ends.push(TurnEnd::Interrupted);
                    return self.run.explains_a_stop();
                }
                self.ends.push(TurnEnd::Complete(text("text")));
            }
            _ => {}
        }
        true
    }

    /// A client heard the event with this number; whether it follows the one that it heard before.
    pub(super) fn follows(&mut self, client: &str, seq: u64) -> bool {
        if let Some(latest) = self.latest.get_mut(client) {
            return std::mem::replace(latest, seq) < seq;
        }
        self.latest.insert(client.to_owned(), seq);
        true
    }
}

impl Run {
    fn ended(&mut self, client: &str) {
        self.ends += 1;
        let before = self.hearer.replace(client.to_owned());
        self.heard_by_many |= before.is_some_and(|before| before != client);
    }

    /// Whether the turn that has just ended may have been stopped by a client: by one that asked for it, or by a prompt
    /// that came after its own. As many turns as there were prompts have ended: then none came after.
    fn explains_a_stop(&self) -> bool {
        self.uncertain || self.heard_by_many || self.stops > 0 || self.ends < self.prompts + self.steers + self.unseen
    }
}

//! What all clients together sent to, and received from, one live session.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Uptime;
use gateway_core::store::StoredId;
use serde_json::Value;

use super::request::{LoggedRequest, NOT_CLOSED, Reply, SentRequest, is_attaching};

/// The log of a session.
#[derive(Default)]
pub(crate) struct SessionLog {
    /// The stored id under which clients know it.
    pub(crate) stored: Option<StoredId>,
    /// The accepted prompts whose turn started at once.
    pub(crate) started: Vec<String>,
    /// The accepted prompts that were queued.
    pub(crate) queued: Vec<String>,
    /// The accepted steers: texts for a running turn.
    pub(crate) steers: Vec<String>,
    /// The accepted answers to questions.
    pub(crate) answers: Vec<String>,
    /// The `source` of the request that created the session.
    pub(crate) source: Option<String>,
    /// The title in the request that created the session.
    pub(crate) first_title: Option<String>,
    /// Whether the request that created the session gave it messages. Then its row is inserted with its first prompt.
    pub(crate) began_with_messages: bool,
    /// The requested titles without the space around them, answered or not.
    pub(crate) asked_titles: Vec<String>,
    /// The titles that were acknowledged as set.
    pub(crate) titles: Vec<String>,
    /// The titles that were acknowledged as pending until the row exists; the last one counts.
    pub(crate) waiting_titles: Vec<String>,
    /// How many turns of inputs that an earlier session of the conversation has accepted the session was to run, or ran, when a
    /// client learned of it.
    pub(crate) inherited: usize,
    /// The received results of tools.
    pub(crate) results: Vec<String>,
    /// The received ends of turns, errors excluded.
    pub(crate) ends: Vec<TurnEnd>,
    /// When a client received the last of them.
    pub(crate) ended_at: Uptime,
    /// A client that was sent an event of it after the answer that it is closed.
    pub(crate) heard_after_close: Option<String>,
    /// The number of requests to interrupt or to close.
    pub(crate) stops: u64,
    /// The requests that name the session by its runtime id, in the order in which they were sent.
    pub(crate) requests: Vec<LoggedRequest>,
    /// Whether it was created to be closed with its connection; none if no client has received the answer to its creation.
    pub(crate) closes_on_disconnect: Option<bool>,
    /// The received events by their numbers: kind and payload.
    pub(crate) shown: BTreeMap<u64, (String, Value)>,
    run: Run,
    /// The number of the last event that each client received on its present connection, or knows to be the last.
    followed: BTreeMap<String, u64>,
    /// When each client sent the last request on its present connection whose answer says which event comes next.
    followed_since: BTreeMap<String, Uptime>,
    /// The clients whose interrupt was acknowledged, and that have not received the start of another turn since.
    stopped: BTreeSet<String>,
    /// The number of the last event that each client received.
    latest: BTreeMap<String, u64>,
}

/// The end of an interrupted turn, as far as the log explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// A client had asked for it.
    Asked,
    /// A client may have asked for it: the ends of turns can no longer be counted.
    MayBeAsked,
    /// No client had asked for it.
    Unasked,
}

/// The end of a turn, as a client received it.
pub(crate) enum TurnEnd {
    /// The turn completed with this reply.
    Complete(String),
    /// The turn was interrupted and has no reply.
    Interrupted,
}

/// Counters since the session was last known to be idle.
#[derive(Default)]
struct Run {
    /// Unanswered requests that may start or stop work.
    unanswered: u64,
    /// Prompts that were sent. Steers are counted apart, because they may become prompts.
    prompts: u64,
    steers: u64,
    accepted: u64,
    /// Turns that no client had started, turns of job notices: those that ran when the first prompt was queued behind them,
    /// and those of which a client received the end alone.
    unseen: u64,
    /// Requests to interrupt or close.
    stops: u64,
    /// Received ends of turns.
    ends: u64,
    /// The client that received the last end. Frames to two clients have no common order.
    receiver: Option<String>,
    has_several_receivers: bool,
    /// Whether ends can no longer be counted: an error may or may not be the end of a turn, and the notice of a job may
    /// become a turn.
    uncertain: bool,
}

impl SessionLog {
    /// Records a request to the session. `repeats` says whether a request with its idempotency key was sent before.
    pub(super) fn sent(&mut self, request: &SentRequest, repeats: bool) {
        let method = request.method.as_str();
        self.requests.push(LoggedRequest {
            number: request.number,
            client: request.client.clone(),
            method: method.to_owned(),
            text: request.params[if method == "session.title" { "title" } else { "text" }]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            key: request.key().map(str::to_owned),
            repeats,
            sent_at: request.sent_at,
            answered: None,
        });
        let idle =
            self.run.unanswered == 0 && self.run.steers == 0 && self.run.accepted + self.run.unseen == self.run.ends;
        match method {
            "prompt.submit" => {
                if idle {
                    let has_several_receivers = self.awaits_events();
                    self.run = Run { uncertain: self.run.uncertain, has_several_receivers, ..Run::default() };
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

    /// Records the answer to a request. `shares_key` says whether another request has its idempotency key: then the answer
    /// says which of them repeats the other. The order in which two clients send does not, as one may overtake the other.
    pub(super) fn answered(
        &mut self,
        client: &str,
        request: &SentRequest,
        result: &Result<Value, i64>,
        shares_key: bool,
        now: Uptime,
    ) {
        let method = request.method.as_str();
        if let Some(logged) = self.requests.iter_mut().rev().find(|logged| logged.is(request)) {
            let status = |result: &Value| match result["closed"] == false {
                true => NOT_CLOSED.to_owned(),
                false => result["status"].as_str().unwrap_or_default().to_owned(),
            };
            logged.answered = Some(Reply { at: now, status: result.as_ref().map(status).map_err(|code| *code) });
            if let (true, Ok(result)) = (shares_key, result) {
                logged.repeats = result["repeated"] == true;
            }
        }
        if method == "session.interrupt" && result.is_ok() {
            self.stopped.insert(client.to_owned());
        }
        if matches!(method, "prompt.submit" | "session.steer" | "session.interrupt" | "session.close") {
            self.run.unanswered = self.run.unanswered.saturating_sub(1);
        }
        let Ok(result) = result else { return };
        if self.requests.iter().any(|logged| logged.is(request) && logged.repeats) {
            return;
        }
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
                titles.extend(request.params["title"].as_str().map(|title| title.trim().to_owned()));
            }
            _ => {}
        }
        if method == "prompt.submit" {
            self.run.accepted += 1;
        }
    }

    /// Records the answer to the request that created the session.
    pub(super) fn created(&mut self, request: &SentRequest) {
        self.source = request.params["source"].as_str().map(str::to_owned);
        self.first_title = request.params["title"].as_str().map(|title| title.trim().to_owned());
        self.began_with_messages = request.params["messages"].is_array();
        self.closes_on_disconnect = Some(request.params["close_on_disconnect"] == true);
    }

    /// Records the answer to a resume. What a session has carried out or has waiting when no client has prompted it yet was accepted
    /// by an earlier one.
    pub(super) fn resumed(&mut self, result: &Value) {
        if self.requests.is_empty() && self.run.ends == 0 {
            let waiting = result["waiting"].as_array().map_or(0, Vec::len);
            self.inherited = waiting + usize::from(result["running"] == true);
            self.run.unseen = self.inherited as u64;
        }
    }

    /// Whether the event continues a reply whose interrupt was acknowledged to the client. A client that missed an
    /// event may have missed the start of another turn; the numbers of events show that none was missed.
    pub(super) fn continues_after_stop(&mut self, client: &str, kind: &str, seq: u64) -> bool {
        let missed_some = self.latest.get(client).is_none_or(|latest| latest + 1 != seq);
        if missed_some || kind == "message.start" {
            self.stopped.remove(client);
        }
        kind == "message.delta" && self.stopped.contains(client)
    }

    /// Records an event. Returns what explains the end of an interrupted turn.
    pub(super) fn received(&mut self, client: &str, kind: &str, payload: &Value, now: Uptime) -> Option<Stopped> {
        let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
        match kind {
            "tool.complete" => self.results.push(text("result")),
            "error" => self.run.uncertain = true,
            // The notice of a background job becomes a turn of its own.
            "status.update" if payload["kind"] == "process" => self.run.uncertain = true,
            "message.complete" => {
                self.run.ended(client);
                self.ended_at = now;
                if payload["status"] == "interrupted" {
                    self.ends.push(TurnEnd::Interrupted);
                    return Some(self.run.explains_a_stop());
                }
                self.ends.push(TurnEnd::Complete(text("text")));
            }
            _ => {}
        }
        None
    }

    /// Whether a request of another client may have attached the session to that client since.
    pub(super) fn is_shared(&self, client: &str, since: Uptime) -> bool {
        let may_attach = |request: &LoggedRequest| request.answered.as_ref().is_none_or(|reply| reply.at >= since);
        let mut others = self.requests.iter().filter(|request| request.client != client);
        others.any(|request| is_attaching(&request.method) && may_attach(request))
    }

    /// When a client sent the last request whose answer says which event comes next.
    pub(super) fn follows_since(&self, client: &str) -> Uptime {
        self.followed_since.get(client).copied().unwrap_or_default()
    }

    /// Records that the next event for a client's connection follows number `latest`, unless it has received a later one.
    pub(super) fn continues_at(&mut self, client: &str, latest: u64, sent_at: Uptime) {
        self.followed_since.insert(client.to_owned(), sent_at);
        let followed = self.followed.entry(client.to_owned()).or_default();
        *followed = latest.max(*followed);
    }

    /// Records that the next event for a client's connection may have any number.
    pub(super) fn continues_anywhere(&mut self, client: &str, sent_at: Uptime) {
        self.followed_since.insert(client.to_owned(), sent_at);
        self.followed.remove(client);
    }

    /// Whether events are missing that may be under way to a client, while another has received later ones.
    fn awaits_events(&self) -> bool {
        let (Some(slowest), Some(latest)) = (self.followed.values().min(), self.latest()) else { return false };
        let missing = latest.saturating_sub(*slowest);
        (self.shown.range(slowest + 1..).count() as u64) < missing
    }

    /// Forgets what a client has received on its connection, which has ended.
    pub(super) fn disconnected(&mut self, client: &str) {
        self.followed.remove(client);
        self.followed_since.remove(client);
    }

    /// Records the number of an event on a client's connection. Returns the number before it if some are missing in between.
    pub(super) fn gap(&mut self, client: &str, seq: u64) -> Option<u64> {
        let before = self.followed.insert(client.to_owned(), seq);
        before.filter(|before| before + 1 < seq)
    }

    /// The number of the last event that a client has received on its connection, or knows to be the last.
    pub(crate) fn followed_to(&self, client: &str) -> Option<u64> {
        self.followed.get(client).copied()
    }

    /// The highest number of an event that any client has received.
    pub(crate) fn latest(&self) -> Option<u64> {
        self.shown.last_key_value().map(|(seq, _)| *seq)
    }

    /// Records the number of a received event. Returns whether it is above the number before it.
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
        if self.ends == self.accepted + self.unanswered + self.steers + self.unseen {
            self.unseen += 1;
        }
        self.ends += 1;
        let before = self.receiver.replace(client.to_owned());
        self.has_several_receivers |= before.is_some_and(|before| before != client);
    }

    /// Whether a client may have interrupted the turn that has just ended: with a request to stop, or with a later
    /// prompt. When as many turns have ended as prompts were sent, no prompt came later.
    fn explains_a_stop(&self) -> Stopped {
        if self.stops > 0 || self.ends < self.prompts + self.steers + self.unseen {
            Stopped::Asked
        } else if self.uncertain || self.has_several_receivers {
            Stopped::MayBeAsked
        } else {
            Stopped::Unasked
        }
    }
}

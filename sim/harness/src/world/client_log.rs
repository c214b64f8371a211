//! The log of the frames that clients sent and received. Claims compare the gateway's state with it. It knows the
//! protocol and nothing else of the gateway.

mod closed;
mod connections;
mod counted;
mod dialogs;
mod event;
mod lingering;
mod models;
mod receipt;
mod request;
mod screen;
mod session_log;
mod unanswered;

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};
use gateway_core::ids::SessionId;
use gateway_core::store::StoredId;
use serde_json::Value;

use closed::Closed;
pub(crate) use closed::HadRoom;
use connections::Connections;
pub(crate) use counted::Counted;
pub(crate) use event::{ClientEvent, SESSION_LIMIT};
use lingering::Lingering;
pub(crate) use models::{ModelRequest, Models};
pub(crate) use receipt::{Receipt, ReceivedQuestion};
use request::is_use;
pub(crate) use request::{Answer, LoggedRequest, NOT_CLOSED, SentRequest, is_attaching, is_unattached};
pub(crate) use screen::Screens;
use session_log::Stopped;
pub(crate) use session_log::{SessionLog, TurnEnd};
pub(crate) use unanswered::{Passage, Target};

use crate::footprint::{Resource, SharedFootprints};
use crate::world::cases::Excuse;

/// Answers that take less time are not looked at.
const LATE: Millis = Millis::from_secs(10);

/// The client log of a run.
#[derive(Default)]
pub(crate) struct ClientLog(RefCell<Inner>);

#[derive(Default)]
struct Inner {
    /// The idempotency keys that clients have used, with the number of requests that have each.
    keys: BTreeMap<String, u64>,
    footprints: SharedFootprints,
    /// One log for each session, by runtime id.
    sessions: BTreeMap<String, SessionLog>,
    /// The sessions of which something may have changed here since the last `take_changed`, and whether that concerns any.
    changed: BTreeSet<SessionId>,
    concerns_all: bool,
    /// The events since the last `take_events`.
    events: Vec<ClientEvent>,
    /// Counts changes of `questions`, so that an observer reads them only after a change.
    revision: u64,
    /// The number of received errors about the build of an agent.
    failed_builds: u64,
    /// Titles that clients asked to give.
    titles: BTreeSet<String>,
    /// Titles that clients named when they created a session.
    first_titles: BTreeSet<String>,
    models: Models,
    connections: Connections,
    screens: Screens,
    lingering: Lingering,
    /// The questions that clients received, in order.
    receipts: Vec<Receipt>,
    /// The requests that answer a question and were not refused, in the order in which they were sent.
    responses: Vec<SentRequest>,
    /// The received questions that have an id, by the id.
    questions: BTreeMap<String, ReceivedQuestion>,
    /// The stored ids whose deletion was confirmed, with the client that asked for it.
    deletions: Vec<(StoredId, String)>,
    closed: Closed,
    /// The requests without an answer on connections that are open, by client and number.
    in_flight: BTreeMap<(String, u64), InFlight>,
    counted: Counted,
}

/// A request without an answer.
struct InFlight {
    request: SentRequest,
    /// How many requests of the client had no answer when it was sent, itself included.
    ahead: u64,
}

impl ClientLog {
    /// A log without any frame.
    pub(crate) fn new(footprints: SharedFootprints) -> Self {
        Self(RefCell::new(Inner { footprints, ..Inner::default() }))
    }

    /// Records a request of a client.
    pub(crate) fn sent(&self, request: &SentRequest) {
        let mut inner = self.0.borrow_mut();
        inner.connections.sent(request);
        // It may attach any session.
        inner.concerns_all |= request.method == "session.resume";
        inner.models.sent(request);
        let ahead = 1 + inner.in_flight.keys().filter(|(client, _)| *client == request.client).count() as u64;
        let in_flight = InFlight { request: request.clone(), ahead };
        inner.in_flight.insert((request.client.clone(), request.number), in_flight);
        let method = request.method.as_str();
        if method.ends_with(".respond") {
            inner.responses.push(request.clone());
        }
        if let ("session.create", Some(title)) = (method, request.params["title"].as_str()) {
            inner.first_titles.insert(title.trim().to_owned());
        }
        if let ("session.title", Some(title)) = (method, request.params["title"].as_str()) {
            inner.titles.insert(title.trim().to_owned());
            inner.session(request.session()).asked_titles.push(title.trim().to_owned());
        }
        if method != "session.resume" && !request.session().is_empty() {
            let repeats = request.key().is_some_and(|key| {
                let count = inner.keys.entry(key.to_owned()).or_default();
                *count += 1;
                *count > 1
            });
            inner.session(request.session()).sent(request, repeats);
        }
    }

    /// Records a received response.
    pub(crate) fn answered(&self, client: &str, request: SentRequest, mut response: Value, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        inner.connections.answered(&request);
        inner.concerns_all |= request.method == "session.resume";
        let in_flight = inner.in_flight.remove(&(request.client.clone(), request.number));
        if inner.connections.is_sound(client)
            && let Some(InFlight { request, ahead }) = in_flight
            && now - request.sent_at >= LATE
        {
            inner.events.push(ClientEvent::Waited { request, ahead, answered_at: Some(now), at: now });
        }
        // A prompt that claims its session attaches it before it is stored, and the error says so; any other refusal attaches nothing.
        let refusal_attaches = response["error"]["data"]["attached"] == true;
        let result = match response["error"]["code"].as_i64() {
            Some(code) => Err(code),
            None => Ok(response["result"].take()),
        };
        if let Some(code) = result.as_ref().err().filter(|code| **code != SESSION_LIMIT) {
            inner.connections.failed(&request, now);
            inner.screens.passed(&request, *code);
        }
        if request.method != "session.resume" && !request.session().is_empty() {
            let shares_key = request.key().and_then(|key| inner.keys.get(key)).is_some_and(|count| *count > 1);
            inner.session(request.session()).answered(client, &request, &result, shares_key, now);
        }
        if request.method == "prompt.submit" && result.as_ref().is_ok_and(|result| result["status"] == "queued") {
            inner.counted.queued += 1;
        }
        if request.method == "session.interrupt" && result.is_ok() {
            inner.counted.interrupts.judge();
        }
        if result.is_ok() && request.method == "session.delete" {
            // A claim compares the confirmed deletions with the rows.
            inner.footprints.read(|| Resource::Rows);
            inner.revision += 1;
            inner.deletions.push((StoredId::new(request.session()), client.to_owned()));
        }
        if request.method.ends_with(".respond") {
            inner.closes_dialog(client, &request, result.is_ok());
            if result.is_ok() {
                inner.took_answer(&request);
            }
        }
        if let Ok(result) = &result
            && let Some(session) = result["session_id"].as_str()
        {
            inner.models.answered(&request, result);
            inner.shown(client, session, result, now);
            if request.method == "session.create" {
                inner.session(session).created(&request);
            }
        }
        if refusal_attaches {
            inner.connections.give(&request, request.session(), now);
            inner.give(client, request.session(), &request, &Value::Null);
        }
        if let Ok(result) = &result
            && is_attaching(&request.method)
            && !is_unattached(result)
        {
            let session = result["session_id"].as_str().unwrap_or(request.session());
            inner.attached(client, session, &request, result, now);
        }
        if result.is_ok() && is_use(&request.method) && !is_attaching(&request.method) {
            inner.connections.use_session(&request);
            // The time from which on it is idle is another.
            inner.revision += 1;
        }
        inner.events.push(ClientEvent::Answer(Answer { client: client.to_owned(), request, result }));
    }

    /// The gateway puts a frame on the line of a client.
    pub(crate) fn sent_by_gateway(&self, client: &str, frame: &str, had_room: HadRoom) {
        let mut inner = self.0.borrow_mut();
        let Inner { closed, in_flight, .. } = &mut *inner;
        let request = |number| in_flight.get(&(client.to_owned(), number)).map(|waiting| &waiting.request);
        if let Some(session) = closed.sent(client, frame, had_room, request) {
            inner.session(&session).heard_after_close = Some(client.to_owned());
            inner.revision += 1;
        }
    }

    /// Records a received event notification.
    pub(crate) fn received(&self, client: &str, event: &Value, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        let Some(session) = event["session_id"].as_str() else { return };
        let (kind, payload) = (event["type"].as_str().unwrap_or_default(), &event["payload"]);
        // With `fan_out` several clients receive one event.
        let is_new = match event["seq"].as_u64() {
            Some(seq) => inner.numbered(client, session, seq, kind, payload),
            None => true,
        };
        if kind.ends_with(".request") {
            inner.ask(client, session, kind, payload, now);
        }
        inner.shows(client, session, kind, payload);
        if !is_new {
            return;
        }
        let says_no_agent = || payload["message"].as_str().is_some_and(|text| text.starts_with("agent init failed"));
        if kind == "error" && says_no_agent() {
            inner.failed_builds += 1;
        }
        match inner.session(session).received(client, kind, payload, now) {
            None => {}
            Some(Stopped::Asked) => inner.counted.stops.judge(),
            Some(Stopped::MayBeAsked) => inner.counted.stops.excuse(Excuse::MayBeShared),
            Some(Stopped::Unasked) => inner.events.push(ClientEvent::StoppedUnasked { session: session.to_owned() }),
        }
    }

    /// A client has opened a connection.
    pub(crate) fn connected(&self, client: &str) {
        let mut inner = self.0.borrow_mut();
        inner.concerns_all = true;
        inner.connections.open(client);
        inner.screens.clear(client);
        inner.sessions.values_mut().for_each(|log| log.disconnected(client));
    }

    /// The connection of a client has ended.
    pub(crate) fn disconnected(&self, client: &str, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        inner.concerns_all = true;
        // A request that is carried out delays the moment at which the gateway finds the end of its connection, and so does a
        // network that is cut or slow.
        if !inner.connections.is_sound(client) || inner.in_flight.keys().any(|(other, _)| other == client) {
            inner.doubts_holders(client, now);
        }
        inner.connections.end(client, now);
        for session in inner.screens.clear(client) {
            inner.changes_screen(&session);
        }
        inner.in_flight.retain(|(other, _), _| other != client);
    }

    /// A client is about to end its connection.
    pub(crate) fn leaves(&self, client: &str, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        if inner.connections.is_sound(client) {
            let waiting = inner.in_flight.values().filter(|waiting| waiting.request.client == client);
            let waited = waiting.map(|InFlight { request, ahead }| ClientEvent::Waited {
                request: request.clone(),
                ahead: *ahead,
                answered_at: None,
                at: now,
            });
            let waited: Vec<ClientEvent> = waited.collect();
            inner.events.extend(waited);
        }
    }

    /// A client has received an answer to no request that waits for one.
    pub(crate) fn answered_again(&self, client: &str) {
        self.0.borrow_mut().events.push(ClientEvent::AnsweredAgain { client: client.to_owned() });
    }

    /// The frames of a client's connection no longer arrive as usual.
    pub(crate) fn doubted(&self, client: &str) {
        let mut inner = self.0.borrow_mut();
        inner.concerns_all = true;
        inner.connections.doubt(client);
    }

    /// A client is about to go without notice to the gateway, which finds out later if anything makes it notice.
    pub(crate) fn vanishes(&self, client: &str, is_noticed: bool, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        inner.concerns_all = true;
        inner.connections.vanish(client, is_noticed);
        inner.doubts_holders(client, now);
    }

    /// The network carries all frames from now on.
    pub(crate) fn mended(&self, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        inner.concerns_all = true;
        inner.connections.mended(now);
    }

    /// What clients show.
    pub(crate) fn screens(&self) -> Ref<'_, Screens> {
        Ref::map(self.0.borrow(), |inner| &inner.screens)
    }

    /// The questions that clients received, in order.
    pub(crate) fn receipts(&self) -> Ref<'_, [Receipt]> {
        Ref::map(self.0.borrow(), |inner| &inner.receipts[..])
    }

    /// Whether a request without an answer may give a session to another client than `client`.
    pub(crate) fn may_be_given(&self, session: &str, client: &str) -> bool {
        let inner = self.0.borrow();
        let mut others =
            inner.in_flight.values().map(|waiting| &waiting.request).filter(|other| other.client != client);
        others.any(|other| {
            is_attaching(&other.method) && (other.method == "session.resume" || other.session() == session)
        })
    }

    /// The open connections.
    pub(crate) fn connections(&self) -> Ref<'_, Connections> {
        Ref::map(self.0.borrow(), |inner| &inner.connections)
    }

    /// Counts changes of what claims about the state read here.
    pub(crate) fn revision(&self) -> u64 {
        self.0.borrow().revision
    }

    /// The sessions of which something may have changed here since the last call, and whether something has that concerns any.
    pub(crate) fn take_changed(&self) -> (BTreeSet<SessionId>, bool) {
        let mut inner = self.0.borrow_mut();
        (std::mem::take(&mut inner.changed), std::mem::take(&mut inner.concerns_all))
    }

    /// Whether there are events since the last `take_events`.
    pub(crate) fn has_events(&self) -> bool {
        !self.0.borrow().events.is_empty()
    }

    /// The events since the last call, in the order of their receipt.
    pub(crate) fn take_events(&self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.0.borrow_mut().events)
    }

    /// The models that clients asked for.
    pub(crate) fn models(&self) -> Ref<'_, Models> {
        Ref::map(self.0.borrow(), |inner| &inner.models)
    }

    /// The logs of all sessions, by runtime id.
    pub(crate) fn sessions(&self) -> Ref<'_, BTreeMap<String, SessionLog>> {
        Ref::map(self.0.borrow(), |inner| &inner.sessions)
    }

    /// Whether a client shows the question with this event type and this id.
    pub(crate) fn shows(&self, client: &str, session: &str, kind: &str, id: &str) -> bool {
        self.0.borrow().screens.of(client, session).is_some_and(|screen| screen.shows(id, kind))
    }

    /// The requests that answer a question, in the order in which they were sent.
    pub(crate) fn responses(&self) -> Ref<'_, [SentRequest]> {
        Ref::map(self.0.borrow(), |inner| &inner.responses[..])
    }

    /// The stored ids whose deletion was confirmed, with the client that asked for it.
    pub(crate) fn deletions(&self) -> Ref<'_, [(StoredId, String)]> {
        Ref::map(self.0.borrow(), |inner| &inner.deletions[..])
    }

    /// A request of a client that has no answer, by its number.
    pub(crate) fn in_flight(&self, client: &str, number: u64) -> Option<SentRequest> {
        self.0.borrow().in_flight.get(&(client.to_owned(), number)).map(|waiting| waiting.request.clone())
    }

    /// The cases that are counted here.
    pub(crate) fn counted(&self) -> Ref<'_, Counted> {
        Ref::map(self.0.borrow(), |inner| &inner.counted)
    }

    /// Counts an answer that was compared with the state, or could not be.
    pub(crate) fn note_compared(&self, excuse: Option<Excuse>) {
        let answers = &mut self.0.borrow_mut().counted.answers;
        match excuse {
            None => answers.judge(),
            Some(excuse) => answers.excuse(excuse),
        }
    }

    /// Records that an answer contradicts the state at its instant.
    pub(crate) fn note_untrue(&self, subject: String, detail: String) {
        self.0.borrow_mut().events.push(ClientEvent::Untrue { subject, detail });
    }

    /// The received questions that have an id, by the id.
    pub(crate) fn questions(&self) -> Ref<'_, BTreeMap<String, ReceivedQuestion>> {
        Ref::map(self.0.borrow(), |inner| &inner.questions)
    }

    /// Whether any client has requested this title.
    pub(crate) fn asked_for_title(&self, title: &str) -> bool {
        self.0.borrow().titles.contains(title)
    }

    /// Whether any client has created a session with this title.
    pub(crate) fn created_with_title(&self, title: &str) -> bool {
        self.0.borrow().first_titles.contains(title)
    }

    /// The number of received errors about the build of an agent.
    pub(crate) fn failed_builds(&self) -> u64 {
        self.0.borrow().failed_builds
    }
}

impl Inner {
    fn session(&mut self, session: &str) -> &mut SessionLog {
        self.footprints.write(|| Resource::SessionLog(session.to_owned()));
        self.note_change(session);
        self.sessions.entry(session.to_owned()).or_default()
    }

    fn note_change(&mut self, session: &str) {
        if !self.changed.contains(session) {
            self.changed.insert(SessionId::from(session));
        }
    }

    /// Records a numbered event of a session. Returns whether no client has received it before.
    fn numbered(&mut self, client: &str, session: &str, seq: u64, kind: &str, payload: &Value) -> bool {
        let since = self.session(session).follows_since(client);
        let log = self.sessions.entry(session.to_owned()).or_default();
        let continues = log.continues_after_stop(client, kind, seq);
        let gap = log.gap(client, seq);
        let is_new = log.shown.insert(seq, (kind.to_owned(), payload.clone())).is_none();
        let is_in_order = log.follows(client, seq);
        // Those in between may have gone to another client.
        let is_excused = gap.is_some() && self.is_shared(client, session, since);
        match is_excused {
            true => self.counted.numbers.excuse(Excuse::MayBeShared),
            false => self.counted.numbers.judge(),
        }
        // Another client may have missed it, or has received it before.
        if !is_new || self.screens.is_shared(session) {
            self.changes_screen(session);
        }
        let own = || (session.to_owned(), client.to_owned());
        if continues {
            let (session, client) = own();
            self.events.push(ClientEvent::SaidAfterStop { session, client });
        }
        if let Some(before) = gap.filter(|_| !is_excused) {
            let (session, client) = own();
            self.events.push(ClientEvent::Gap { session, client, before, seq });
        }
        if !is_in_order {
            let (session, client) = own();
            self.events.push(ClientEvent::OutOfOrder { session, client, seq });
        }
        is_new
    }

    /// Whether another client may have had the session, or its events, since.
    fn is_shared(&mut self, client: &str, session: &str, since: Uptime) -> bool {
        self.connections.may_share(client, session, since) || self.session(session).is_shared(client, since)
    }

    /// Records a result that describes a session: the client knows its ids and its open questions.
    fn shown(&mut self, client: &str, session: &str, result: &Value, now: Uptime) {
        let stored = result["stored_session_id"].as_str().or_else(|| result["session_key"].as_str());
        if let Some(stored) = stored {
            self.session(session).stored = Some(StoredId::new(stored));
        }
        for asked in result["pending"].as_array().into_iter().flatten() {
            let kind = asked["type"].as_str().unwrap_or_default();
            self.ask(client, session, kind, &asked["payload"], now);
        }
    }

    /// Records that the gateway may have given sessions to the connection of a client that is about to end, or may do so later,
    /// and may not know of the end.
    fn doubts_holders(&mut self, client: &str, now: Uptime) {
        self.screens.doubt(client);
        let waiting = self.in_flight.values().map(|waiting| &waiting.request);
        let own: Vec<&SentRequest> = waiting.filter(|request| request.client == client).collect();
        for session in self.lingering.lose(&own, self.sessions.keys(), now) {
            self.screens.unknown(&session);
        }
        self.revision += u64::from(self.connections.lose(client, &own, now));
    }

    /// Records that the answer to a request has given a session to a client, and from which event on it hears all.
    fn attached(&mut self, client: &str, session: &str, request: &SentRequest, result: &Value, now: Uptime) {
        self.note_change(session);
        self.connections.give(request, session, now);
        self.give(client, session, request, result);
        if request.method == "session.resume" {
            self.session(session).resumed(result);
        }
        let latest = match request.method.as_str() {
            "session.create" => Some(0),
            _ => result["latest_seq"].as_u64(),
        };
        if let Some(latest) = latest {
            self.session(session).continues_at(client, latest, request.sent_at);
            return;
        }
        // Another client had the events before, perhaps. Those from now on follow each other again.
        let since = self.session(session).follows_since(client);
        if self.is_shared(client, session, since) {
            self.session(session).continues_anywhere(client, request.sent_at);
        }
    }

    /// Records that the answer to a request has given a session to a client, which shows what the answer says.
    fn give(&mut self, client: &str, session: &str, request: &SentRequest, result: &Value) {
        self.note_change(session);
        // Another request that was under way meanwhile may have been carried out before or after this one: that of another client,
        // or an earlier one of this client on a connection that has ended since.
        let was_over = |at: Uptime| at < request.sent_at;
        let is_clear = self.connections.given(session).all(|(other, at)| other == client || was_over(at))
            && self.lingering.is_over(session, request.sent_at);
        self.screens.give(client, session, is_clear);
        self.changes_screen(session);
        let says_running = screen::running_in(&request.method, result).filter(|_| !result.is_null());
        if let Some(is_running) = says_running {
            self.screens.runs(client, session, is_running);
        }
    }

    /// Records what a client shows after an event.
    fn shows(&mut self, client: &str, session: &str, kind: &str, payload: &Value) {
        let is_changed = match (kind, payload["request_id"].as_str()) {
            ("question.resolved", Some(id)) => self.screens.close(client, session, id),
            _ => screen::running_after(kind, payload).is_some_and(|runs| self.screens.runs(client, session, runs)),
        };
        if is_changed {
            self.changes_screen(session);
        }
    }

    /// Records that a client shows something else of a session than before.
    fn changes_screen(&mut self, session: &str) {
        self.note_change(session);
        self.footprints.write(|| Resource::Questions(session.to_owned()));
        self.revision += 1;
    }
}

//! The log of the frames that clients sent and received. Claims compare the gateway's state with it. It knows the
//! protocol and nothing else of the gateway.

mod connections;
mod request;
mod session_log;

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};
use gateway_core::ids::SessionId;
use gateway_core::state::Session;
use gateway_core::store::StoredId;
use serde_json::Value;

use connections::Connections;
pub(crate) use request::{Answer, LoggedRequest, SentRequest, is_attaching};
use session_log::Stopped;
pub(crate) use session_log::{SessionLog, TurnEnd};

use crate::footprint::{Resource, SharedFootprints};
use crate::world::cases::{Count, Excuse};

/// The code of the error that says that a connection has as many sessions as it may have.
pub(crate) const SESSION_LIMIT: i64 = 4090;

/// Answers that take less time are not looked at.
const LATE: Millis = Millis::from_secs(10);

/// The client log of a run.
#[derive(Default)]
pub(crate) struct ClientLog(RefCell<Inner>);

#[derive(Default)]
struct Inner {
    footprints: SharedFootprints,
    /// One log for each session, by runtime id.
    sessions: BTreeMap<String, SessionLog>,
    /// The events since the last `take_events`.
    events: Vec<ClientEvent>,
    /// The received questions: client, session, and the question's id or kind. The value is the revision of the last receipt.
    asked: BTreeMap<(String, String, String), u64>,
    /// Counts changes of `questions`, so that an observer reads them only after a change.
    revision: u64,
    /// The number of received errors about the build of an agent.
    failed_builds: u64,
    /// Titles that clients asked to give.
    titles: BTreeSet<String>,
    connections: Connections,
    /// The requests that answer a question, in the order in which they were sent.
    responses: Vec<SentRequest>,
    /// The received questions that have an id, by the id.
    questions: BTreeMap<String, ReceivedQuestion>,
    /// The requests without an answer on connections that are open, by client and number.
    in_flight: BTreeMap<(String, u64), InFlight>,
    counted: Counted,
}

/// The cases of claims of which the log keeps the failures alone.
#[derive(Default)]
pub(crate) struct Counted {
    /// Answers that were compared with the state.
    pub(crate) answers: Count,
    /// Numbered events.
    pub(crate) numbers: Count,
    /// Acknowledged interrupts.
    pub(crate) interrupts: Count,
    /// Interrupted turns whose end a client received and that a request explains, or may.
    pub(crate) stops: Count,
}

/// A request without an answer.
struct InFlight {
    request: SentRequest,
    /// How many requests of the client had no answer when it was sent, itself included.
    ahead: u64,
}

/// A question as a client received it.
pub(crate) struct ReceivedQuestion {
    /// The session's runtime id.
    pub(crate) session: String,
    /// The type of the event that asks it.
    pub(crate) kind: String,
    pub(crate) payload: Value,
}

/// A received frame that a claim checks.
pub(crate) enum ClientEvent {
    /// The answer to a request.
    Answer(Answer),
    /// The end of an interrupted turn that no client had asked to stop.
    StoppedUnasked {
        /// The session's runtime id.
        session: String,
    },
    /// A piece of a reply, after the interrupt of its turn was acknowledged.
    SaidAfterStop {
        /// The session's runtime id.
        session: String,
        /// The client that received it.
        client: String,
    },
    /// An answer that contradicts the rows or the live sessions at the instant at which it was given.
    Untrue {
        /// The session's label, or the client that asked.
        subject: String,
        /// What is wrong.
        detail: String,
    },
    /// A request that was answered late, or not at all while its connection was open and sound.
    Waited {
        /// The request.
        request: SentRequest,
        /// How many requests of the connection had no answer when it was sent, itself included.
        ahead: u64,
        /// When it was answered; none if it was not.
        answered_at: Option<Uptime>,
        /// When that was known.
        at: Uptime,
    },
    /// A second answer to a request.
    AnsweredAgain {
        /// The client that received it.
        client: String,
    },
    /// An event that follows another one on a connection to which its session stayed attached, without being the next.
    Gap {
        /// The session's runtime id.
        session: String,
        /// The client that received it.
        client: String,
        /// The number of the event before it.
        before: u64,
        /// The number of the event.
        seq: u64,
    },
    /// An event whose number is not above the one before it.
    OutOfOrder {
        /// The session's runtime id.
        session: String,
        /// The client that received it.
        client: String,
        /// The number of the event.
        seq: u64,
    },
}

impl ClientEvent {
    /// The state that `Received` claims compare the event with, while these sessions are live.
    pub(crate) fn grounds(&self, live: &[Session]) -> Vec<Resource> {
        let (session, rows) = match self {
            Self::Answer(Answer { request, result: Ok(result), .. }) => match request.method.as_str() {
                "session.resume" => (result["session_id"].as_str().unwrap_or_default(), true),
                "session.activate" | "prompt.submit" | "session.steer" => (request.session(), false),
                _ => return Vec::new(),
            },
            Self::Answer(Answer { request, .. }) if request.method == "session.steer" => (request.session(), false),
            Self::Answer(Answer { request, result: Err(SESSION_LIMIT), .. }) if request.method == "session.resume" => {
                let records = live.iter().map(|session| Resource::Record(session.id().clone()));
                return records.chain([Resource::Registry, Resource::Links, Resource::Rows]).collect();
            }
            Self::StoppedUnasked { session } | Self::SaidAfterStop { session, .. } => (session.as_str(), false),
            Self::Answer(_) | Self::OutOfOrder { .. } | Self::Gap { .. } | Self::Untrue { .. } => return Vec::new(),
            Self::Waited { .. } | Self::AnsweredAgain { .. } => return Vec::new(),
        };
        let mut grounds = vec![Resource::Registry, Resource::Record(SessionId::from(session))];
        if rows {
            grounds.extend([Resource::Rows, Resource::Titles]);
        }
        grounds
    }
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
        let ahead = 1 + inner.in_flight.keys().filter(|(client, _)| *client == request.client).count() as u64;
        let in_flight = InFlight { request: request.clone(), ahead };
        inner.in_flight.insert((request.client.clone(), request.number), in_flight);
        let method = request.method.as_str();
        if method.ends_with(".respond") {
            inner.responses.push(request.clone());
        }
        if let ("session.title", Some(title)) = (method, request.params["title"].as_str()) {
            inner.titles.insert(title.trim().to_owned());
            inner.session(request.session()).asked_titles.push(title.to_owned());
        }
        if method != "session.resume" && !request.session().is_empty() {
            inner.session(request.session()).sent(request);
        }
    }

    /// Records a received response.
    pub(crate) fn answered(&self, client: &str, request: SentRequest, mut response: Value, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        inner.connections.answered(&request);
        let in_flight = inner.in_flight.remove(&(request.client.clone(), request.number));
        if inner.connections.is_sound(client)
            && let Some(InFlight { request, ahead }) = in_flight
            && now - request.sent_at >= LATE
        {
            inner.events.push(ClientEvent::Waited { request, ahead, answered_at: Some(now), at: now });
        }
        let result = match response["error"]["code"].as_i64() {
            Some(code) => Err(code),
            None => Ok(response["result"].take()),
        };
        if request.method != "session.resume" && !request.session().is_empty() {
            inner.session(request.session()).answered(client, &request, &result, now);
        }
        if request.method == "session.interrupt" && result.is_ok() {
            inner.counted.interrupts.judge();
        }
        if result.is_ok() && request.method.ends_with(".respond") {
            inner.took_answer(&request);
        }
        if let Ok(result) = &result
            && let Some(session) = result["session_id"].as_str()
        {
            inner.shown(client, session, result);
            if request.method == "session.create" {
                let log = inner.session(session);
                log.source = request.params["source"].as_str().map(str::to_owned);
                log.began_with_messages = request.params["messages"].is_array();
                log.closes_on_disconnect = Some(request.params["close_on_disconnect"] == true);
            }
        }
        if let Ok(result) = &result
            && is_attaching(&request.method)
        {
            let session = result["session_id"].as_str().unwrap_or(request.session());
            inner.connections.give(&request, session, now);
            let latest = match request.method.as_str() {
                "session.create" => Some(0),
                _ => result["latest_seq"].as_u64(),
            };
            if let Some(latest) = latest {
                let session = session.to_owned();
                inner.session(&session).continues_at(client, latest);
            }
        }
        inner.events.push(ClientEvent::Answer(Answer { client: client.to_owned(), request, result }));
    }

    /// Records a received event notification.
    pub(crate) fn received(&self, client: &str, event: &Value) {
        let mut inner = self.0.borrow_mut();
        let Some(session) = event["session_id"].as_str() else { return };
        let (kind, payload) = (event["type"].as_str().unwrap_or_default(), &event["payload"]);
        if let Some(seq) = event["seq"].as_u64() {
            let own = || (session.to_owned(), client.to_owned());
            if inner.session(session).continues_after_stop(client, kind, seq) {
                let (session, client) = own();
                inner.events.push(ClientEvent::SaidAfterStop { session, client });
            }
            let is_shared = inner.connections.may_share(client, session) || inner.session(session).is_shared(client);
            match is_shared {
                true => inner.counted.numbers.excuse(Excuse::MayBeShared),
                false => inner.counted.numbers.judge(),
            }
            if let Some(before) = inner.session(session).gap(client, seq)
                && !is_shared
            {
                let (session, client) = own();
                inner.events.push(ClientEvent::Gap { session, client, before, seq });
            }
            inner.session(session).shown.insert(seq, (kind.to_owned(), payload.clone()));
            if !inner.session(session).follows(client, seq) {
                let (session, client) = own();
                inner.events.push(ClientEvent::OutOfOrder { session, client, seq });
            }
        }
        if kind.ends_with(".request") {
            inner.ask(client, session, kind, payload);
        }
        let says_no_agent = || payload["message"].as_str().is_some_and(|text| text.starts_with("agent init failed"));
        if kind == "error" && says_no_agent() {
            inner.failed_builds += 1;
        }
        match inner.session(session).received(client, kind, payload) {
            None => {}
            Some(Stopped::Asked) => inner.counted.stops.judge(),
            Some(Stopped::MayBeAsked) => inner.counted.stops.excuse(Excuse::MayBeShared),
            Some(Stopped::Unasked) => inner.events.push(ClientEvent::StoppedUnasked { session: session.to_owned() }),
        }
    }

    /// A client has opened a connection.
    pub(crate) fn connected(&self, client: &str) {
        let mut inner = self.0.borrow_mut();
        inner.connections.open(client);
        inner.sessions.values_mut().for_each(|log| log.disconnected(client));
    }

    /// The connection of a client has ended.
    pub(crate) fn disconnected(&self, client: &str, now: Uptime) {
        let mut inner = self.0.borrow_mut();
        inner.connections.end(client, now);
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
        self.0.borrow_mut().connections.doubt(client);
    }

    /// The open connections.
    pub(crate) fn connections(&self) -> Ref<'_, Connections> {
        Ref::map(self.0.borrow(), |inner| &inner.connections)
    }

    /// Counts changes of the questions that clients have received.
    pub(crate) fn revision(&self) -> u64 {
        self.0.borrow().revision
    }

    /// Whether there are events since the last `take_events`.
    pub(crate) fn has_events(&self) -> bool {
        !self.0.borrow().events.is_empty()
    }

    /// The events since the last call, in the order of their receipt.
    pub(crate) fn take_events(&self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.0.borrow_mut().events)
    }

    /// The logs of all sessions, by runtime id.
    pub(crate) fn sessions(&self) -> Ref<'_, BTreeMap<String, SessionLog>> {
        Ref::map(self.0.borrow(), |inner| &inner.sessions)
    }

    /// Whether a client has received the question with this event type and this id.
    pub(crate) fn knows(&self, client: &str, session: &str, kind: &str, id: &str) -> bool {
        let asked = |by: &str| (client.to_owned(), session.to_owned(), by.to_owned());
        let inner = self.0.borrow();
        inner.asked.contains_key(&asked(id)) || inner.asked.contains_key(&asked(kind))
    }

    /// The requests that answer a question, in the order in which they were sent.
    pub(crate) fn responses(&self) -> Ref<'_, [SentRequest]> {
        Ref::map(self.0.borrow(), |inner| &inner.responses[..])
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

    /// The number of received errors about the build of an agent.
    pub(crate) fn failed_builds(&self) -> u64 {
        self.0.borrow().failed_builds
    }
}

impl Inner {
    fn session(&mut self, session: &str) -> &mut SessionLog {
        self.footprints.write(|| Resource::SessionLog(session.to_owned()));
        self.sessions.entry(session.to_owned()).or_default()
    }

    /// Records a result that describes a session: the client knows its ids and its open questions.
    fn shown(&mut self, client: &str, session: &str, result: &Value) {
        let stored = result["stored_session_id"].as_str().or_else(|| result["session_key"].as_str());
        if let Some(stored) = stored {
            self.session(session).stored = Some(StoredId::new(stored));
        }
        for asked in result["pending"].as_array().into_iter().flatten() {
            let kind = asked["type"].as_str().unwrap_or_default();
            self.ask(client, session, kind, &asked["payload"]);
        }
    }

    /// Records the accepted answer to a question, which names the question by its id or by its session.
    fn took_answer(&mut self, request: &SentRequest) {
        let named = request.params["request_id"].as_str();
        let asked = self.asked.keys().find(|(_, _, by)| named == Some(by));
        let session = asked.map_or(request.session(), |(_, session, _)| session).to_owned();
        self.close_question(&session, request.questions);
        let text = request.params["answer"].as_str().or_else(|| request.params["choice"].as_str());
        if let Some(text) = text {
            self.session(&session).answers.push(text.to_owned());
        }
    }

    /// Records that the question of a session was answered. One without an id may be asked again, and is a new question
    /// then: what clients received up to the `revision` at which the answer was sent was the question before.
    fn close_question(&mut self, session: &str, revision: u64) {
        self.footprints.write(|| Resource::Questions(session.to_owned()));
        self.revision += 1;
        let is_before = |by: &str, received: u64| by.ends_with(".request") && received <= revision;
        self.asked.retain(|(_, of, by), received| of != session || !is_before(by, *received));
    }

    /// Records that a client has received a question.
    fn ask(&mut self, client: &str, session: &str, kind: &str, payload: &Value) {
        self.revision += 1;
        self.footprints.write(|| Resource::Questions(session.to_owned()));
        if let Some(id) = payload["request_id"].as_str() {
            let (session, kind, payload) = (session.to_owned(), kind.to_owned(), payload.clone());
            self.questions.insert(id.to_owned(), ReceivedQuestion { session, kind, payload });
        }
        self.asked.insert((client.to_owned(), session.to_owned(), question(kind, payload)), self.revision);
    }
}

/// The key of a question: its id, or its kind where it has no id.
fn question(kind: &str, payload: &Value) -> String {
    payload["request_id"].as_str().unwrap_or(kind).to_owned()
}

//! Which clients are connected, and which sessions their connections were given.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};

use super::request::{SentRequest, is_attaching};
use super::unanswered::{Passage, Target, Unanswered};

/// The open connections, by client.
#[derive(Default)]
pub(crate) struct Connections {
    open: BTreeMap<String, Connection>,
    /// Whether a connection has ended, or may have without the knowledge of its client.
    may_have_ended: bool,
    /// The requests without an answer that attach a session, with the client of each.
    attaching: Vec<(String, Attaching)>,
    /// The clients that were given each session, by runtime id, and when last.
    given: BTreeMap<String, BTreeMap<String, Uptime>>,
    /// The clients of which a connection has ended before all of its requests were answered: one that is carried out later
    /// attaches its session to that connection for a moment.
    lingering: BTreeSet<String>,
    /// When the last sound connection ended that a session was attached to, by runtime id.
    left: BTreeMap<String, Uptime>,
    /// The sessions that were attached to a connection that has ended, or may have, by runtime id.
    lost: BTreeSet<String>,
    /// The sessions that were attached to a connection of whose end the gateway hears nothing, by runtime id.
    silent: BTreeSet<String>,
    /// The sessions that a client has asked to close, by runtime id.
    closing: BTreeSet<String>,
    /// When the last request was sent that has used a session, by runtime id: attached it to a connection, or held it as a turn does.
    used: BTreeMap<String, Uptime>,
    /// Requests without an answer whose connection has ended.
    unanswered: Unanswered,
}

/// The session that a request attaches.
#[derive(PartialEq, Eq)]
enum Attaching {
    /// The one with this runtime id.
    Live(String),
    /// The request names a stored session: it may be any.
    Any,
}

/// The open connection of a client.
struct Connection {
    /// Whether its frames arrive as usual: it was neither cut nor stopped reading.
    is_sound: bool,
    /// The sessions that answers to its requests have attached to it, by runtime id, and since when.
    sessions: BTreeMap<String, Uptime>,
    /// Those of them that no client has asked to close, and since when.
    kept: BTreeMap<String, Uptime>,
    /// The number of requests without an answer that may attach a session.
    unanswered: usize,
    /// When answers arrived that refuse such a request for another reason than the bound: its session may have been attached
    /// until then.
    failed: Vec<Uptime>,
}

impl Connections {
    /// A client has opened a connection.
    pub(super) fn open(&mut self, client: &str) {
        let connection = Connection {
            is_sound: true,
            sessions: BTreeMap::new(),
            kept: BTreeMap::new(),
            unanswered: 0,
            failed: Vec::new(),
        };
        self.open.insert(client.to_owned(), connection);
    }

    /// A client's connection has ended.
    pub(super) fn end(&mut self, client: &str, now: Uptime) {
        let Some(connection) = self.open.remove(client) else { return };
        self.may_have_ended = true;
        self.lost.extend(connection.sessions.keys().cloned());
        if connection.unanswered > 0 {
            self.lingering.insert(client.to_owned());
        }
        if connection.is_sound {
            self.left.extend(connection.sessions.into_keys().map(|session| (session, now)));
        } else {
            // The gateway may find out at any time.
            self.left.retain(|session, _| !connection.sessions.contains_key(session));
        }
    }

    /// A client is about to end its connection, and no frame says so to the gateway, which may not find out at all.
    pub(super) fn vanish(&mut self, client: &str, is_noticed: bool) {
        if let Some(connection) = self.open.get(client).filter(|_| !is_noticed) {
            self.silent.extend(connection.sessions.keys().cloned());
        }
    }

    /// A client's connection no longer carries frames as usual.
    pub(super) fn doubt(&mut self, client: &str) {
        self.may_have_ended = true;
        if let Some(connection) = self.open.get_mut(client) {
            connection.is_sound = false;
            self.lost.extend(connection.sessions.keys().cloned());
        }
    }

    /// A client has sent a request on its connection.
    pub(super) fn sent(&mut self, request: &SentRequest) {
        if request.method == "session.close" {
            self.open.values_mut().for_each(|connection| _ = connection.kept.remove(request.session()));
            self.closing.insert(request.session().to_owned());
        }
        self.attaching.extend(Attaching::of(request).map(|attaching| (request.client.clone(), attaching)));
        self.count(request, |unanswered| unanswered + 1);
    }

    /// A client has received the answer to a request.
    pub(super) fn answered(&mut self, request: &SentRequest) {
        let is_it = |(client, attaching): &(String, Attaching)| {
            *client == request.client && Some(attaching) == Attaching::of(request).as_ref()
        };
        self.attaching.iter().position(is_it).map(|place| self.attaching.remove(place));
        self.count(request, |unanswered| unanswered.saturating_sub(1));
    }

    /// A client has received an error as the answer to a request that may have attached a session until then.
    pub(super) fn failed(&mut self, request: &SentRequest, now: Uptime) {
        if let Some(connection) = self.open.get_mut(&request.client).filter(|_| is_attaching(&request.method)) {
            connection.failed.push(now);
        }
    }

    fn count(&mut self, request: &SentRequest, change: impl FnOnce(usize) -> usize) {
        if let Some(connection) = self.open.get_mut(&request.client).filter(|_| is_attaching(&request.method)) {
            connection.unanswered = change(connection.unanswered);
        }
    }

    /// An answer has attached a session to a client's connection.
    pub(super) fn give(&mut self, request: &SentRequest, session: &str, now: Uptime) {
        self.given.entry(session.to_owned()).or_default().insert(request.client.clone(), now);
        self.use_at(session, request.sent_at);
        self.silent.remove(session);
        if let Some(connection) = self.open.get_mut(&request.client) {
            let since = *connection.sessions.entry(session.to_owned()).or_insert(now);
            if !self.closing.contains(session) {
                connection.kept.insert(session.to_owned(), since);
            }
        }
    }

    /// Records that a request which attaches nothing was carried out, and counts as a use of its session.
    pub(super) fn use_session(&mut self, request: &SentRequest) {
        self.use_at(request.session(), request.sent_at);
    }

    fn use_at(&mut self, session: &str, at: Uptime) {
        let used = self.used.entry(session.to_owned()).or_default();
        *used = at.max(*used);
    }

    /// Since when a session is attached to a connection that is open and sound. `None`: it is not, or may not be.
    pub(crate) fn held_since(&self, session: &str) -> Option<Uptime> {
        let sound = self.open.values().filter(|connection| connection.is_sound);
        sound.filter_map(|connection| connection.sessions.get(session).copied()).min()
    }

    /// The sessions that answers have attached to a client's connection, and since when.
    pub(crate) fn sessions_of(&self, client: &str) -> impl Iterator<Item = (&str, Uptime)> {
        let sessions = self.open.get(client).into_iter().flat_map(|connection| &connection.sessions);
        sessions.map(|(session, since)| (session.as_str(), *since))
    }

    /// Those of them that no client has asked to close, and since when.
    pub(crate) fn kept_by(&self, client: &str) -> impl Iterator<Item = (&str, Uptime)> {
        let sessions = self.open.get(client).into_iter().flat_map(|connection| &connection.kept);
        sessions.map(|(session, since)| (session.as_str(), *since))
    }

    /// How many requests of a client that attached no session to its connection in the end may have had one there at `since` or
    /// later: those without an answer, and those that failed since then.
    pub(crate) fn under_way_since(&self, client: &str, since: Uptime) -> usize {
        let failed = |connection: &Connection| connection.failed.iter().filter(|at| **at >= since).count();
        self.open.get(client).map_or(0, |connection| connection.unanswered + failed(connection))
    }

    /// The clients that were given a session, and when last.
    pub(super) fn given(&self, session: &str) -> impl Iterator<Item = (&str, Uptime)> {
        self.given.get(session).into_iter().flatten().map(|(client, at)| (client.as_str(), *at))
    }

    /// Whether an open connection has a session, or one of whose end the gateway hears nothing, or a request that is under way, or was when its connection ended, may give it to
    /// one.
    pub(crate) fn may_be_held(&self, session: &str) -> bool {
        !self.lingering.is_empty()
            || self.attaching.iter().any(|(_, attaching)| attaching.may_be(session))
            || self.silent.contains(session)
            || self.open.values().any(|connection| connection.sessions.contains_key(session))
    }

    /// Whether a client's connection is open and carries its frames as usual.
    pub(crate) fn is_sound(&self, client: &str) -> bool {
        self.open.get(client).is_some_and(|connection| connection.is_sound)
    }

    /// Whether another connection may have had a session of this client meanwhile: that of another client, which was given it
    /// from `since` on or has asked for it without an answer yet, or an earlier one of its own.
    pub(crate) fn may_share(&self, client: &str, session: &str, since: Uptime) -> bool {
        self.lingering.contains(client)
            || self.attaching.iter().any(|(other, attaching)| other != client && attaching.may_be(session))
            || self
                .given
                .get(session)
                .is_some_and(|clients| clients.iter().any(|(other, at)| other != client && *at >= since))
    }

    /// Whether a connection that a session was attached to has ended, or may have.
    pub(crate) fn has_lost(&self, session: &str) -> bool {
        self.lost.contains(session)
    }

    /// When the last sound connection ended that a session was attached to.
    pub(crate) fn left_at(&self, session: &str) -> Option<Uptime> {
        self.left.get(session).copied()
    }

    /// When the last request was sent that has used a session: attached it to a connection, or held it as a turn does.
    pub(crate) fn used_at(&self, session: &str) -> Option<Uptime> {
        self.used.get(session).copied()
    }

    /// The connection of a client is about to end, without answers to these requests. Returns whether any of them may have used a session.
    pub(super) fn lose(&mut self, client: &str, requests: &[&SentRequest], now: Uptime) -> bool {
        let passage = if self.is_sound(client) { Passage::Open } else { Passage::HeldBack };
        self.unanswered.note(requests, passage, now)
    }

    /// The network carries all frames from now on.
    pub(super) fn mended(&mut self, now: Uptime) {
        self.unanswered.mended(now);
    }

    /// When the last request without an answer may have been carried out whose target concerns a session.
    /// `transit` is how long after the end of its connection a request may be under way.
    pub(crate) fn used_without_answer(
        &self,
        transit: impl Fn(Passage) -> Millis,
        concerns: impl Fn(&Target) -> bool,
    ) -> Option<Uptime> {
        self.unanswered.last(transit, concerns)
    }

    /// Whether a connection has ended before a request on it had an answer that may have used a session.
    pub(crate) fn has_lost_requests(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Whether any connection has ended, or may have without the knowledge of its client.
    pub(crate) fn may_have_ended(&self) -> bool {
        self.may_have_ended
    }
}

impl Attaching {
    /// What a request attaches, if it may attach a session that exists.
    fn of(request: &SentRequest) -> Option<Self> {
        match request.method.as_str() {
            "session.resume" => Some(Self::Any),
            "session.activate" | "prompt.submit" => Some(Self::Live(request.session().to_owned())),
            _ => None,
        }
    }

    fn may_be(&self, session: &str) -> bool {
        match self {
            Self::Live(live) => live == session,
            Self::Any => true,
        }
    }
}

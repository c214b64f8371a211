//! What clients show of their sessions, as far as they can know from the frames of their present connection: open dialogs, and
//! whether a turn runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::request::{SentRequest, is_attaching};

/// The first of the error codes of failures inside the gateway (spec §3). One below refuses a request before it attaches anything.
const INTERNAL: i64 = 5000;

/// The screens of the clients that are connected.
#[derive(Default)]
pub(crate) struct Screens {
    clients: BTreeMap<String, BTreeMap<String, SessionScreen>>,
    /// The clients that were given a session and are connected, by its runtime id.
    holders: BTreeMap<String, BTreeSet<String>>,
    /// The same in the order in which they were given it, the last at the end. None stands for clients whose order is not known,
    /// or whose connection the gateway may still have.
    order: BTreeMap<String, Vec<Option<String>>>,
}

/// What a client shows of one session.
#[derive(Default)]
pub(crate) struct SessionScreen {
    /// The open dialogs: the ids of their questions, or the event type where a question has no id. The value is the
    /// [revision](super::ClientLog::revision) of the log since then.
    pub(crate) dialogs: BTreeMap<String, u64>,
    /// Whether a turn runs.
    pub(crate) is_running: bool,
}

impl SessionScreen {
    /// Whether the client shows a question with this id, or one of its event type that has no id.
    pub(crate) fn shows(&self, id: &str, kind: &str) -> bool {
        self.dialogs.contains_key(id) || self.dialogs.contains_key(kind)
    }
}

impl Screens {
    /// What a client shows of a session; none if it has received nothing of it on its connection.
    pub(crate) fn of(&self, client: &str, session: &str) -> Option<&SessionScreen> {
        self.clients.get(client)?.get(session)
    }

    /// All screens: the client, the runtime id of the session, and what it shows.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str, &SessionScreen)> {
        self.clients.iter().flat_map(|(client, screens)| {
            screens.iter().map(move |(session, screen)| (client.as_str(), session.as_str(), screen))
        })
    }

    /// The clients that were given a session and are connected.
    pub(crate) fn holders(&self, session: &str) -> impl Iterator<Item = &str> {
        self.holders.get(session).into_iter().flatten().map(String::as_str)
    }

    /// The client that was given a session last, of those whose connection is still open; none if that is not clear.
    pub(crate) fn last_holder(&self, session: &str) -> Option<&str> {
        self.order.get(session)?.last()?.as_deref()
    }

    /// Whether several connected clients were given a session.
    pub(super) fn is_shared(&self, session: &str) -> bool {
        self.holders.get(session).is_some_and(|holders| holders.len() > 1)
    }

    /// A client has opened a connection, or its connection has ended. It shows nothing. Returns the sessions that
    /// it showed before.
    pub(super) fn clear(&mut self, client: &str) -> Vec<String> {
        let shown = self.clients.remove(client);
        self.holders.values_mut().for_each(|holders| _ = holders.remove(client));
        self.order.values_mut().for_each(|order| order.retain(|holder| holder.as_deref() != Some(client)));
        shown.into_iter().flat_map(BTreeMap::into_keys).collect()
    }

    /// The connection of a client is about to end, and the gateway may not know of that for a while.
    pub(super) fn doubt(&mut self, client: &str) {
        let entries = self.order.values_mut().flatten();
        entries.filter(|holder| holder.as_deref() == Some(client)).for_each(|holder| *holder = None);
    }

    /// The gateway may have given a session to a client that does not know it.
    pub(super) fn unknown(&mut self, session: &str) {
        self.order.entry(session.to_owned()).or_default().push(None);
    }

    /// A request that attaches its session was refused for a failure inside the gateway: its client may have had the session before
    /// the one that has it now, and get it back after that.
    pub(super) fn passed(&mut self, request: &SentRequest, code: i64) {
        if code >= INTERNAL && is_attaching(&request.method) {
            let order = self.order.entry(request.session().to_owned()).or_default();
            order.insert(order.len().saturating_sub(1), None);
        }
    }

    /// An answer has given a session to a client. `is_clear` is false if another client may have been given it later.
    pub(super) fn give(&mut self, client: &str, session: &str, is_clear: bool) {
        self.holders.entry(session.to_owned()).or_default().insert(client.to_owned());
        let order = self.order.entry(session.to_owned()).or_default();
        order.retain(|holder| holder.as_deref() != Some(client));
        order.push(is_clear.then(|| client.to_owned()));
    }

    /// A client is shown a question. `key` is its id, or its event type where it has no id.
    pub(super) fn open(&mut self, client: &str, session: &str, key: &str, revision: u64) {
        self.screen(client, session).dialogs.insert(key.to_owned(), revision);
    }

    /// The question of a session was answered. One without an id may be asked again, and is a new question then: what clients
    /// received up to the `revision` at which the answer was sent was the question before.
    pub(super) fn close_unnamed(&mut self, session: &str, revision: u64) {
        let is_before = |key: &str, received: u64| key.ends_with(".request") && received <= revision;
        for screen in self.clients.values_mut().filter_map(|screens| screens.get_mut(session)) {
            screen.dialogs.retain(|key, received| !is_before(key, *received));
        }
    }

    /// A client shows a question no longer. Returns whether it showed it.
    pub(super) fn close(&mut self, client: &str, session: &str, key: &str) -> bool {
        self.screen(client, session).dialogs.remove(key).is_some()
    }

    /// A client learns whether a turn of a session runs. Returns whether that is a change.
    pub(super) fn runs(&mut self, client: &str, session: &str, is_running: bool) -> bool {
        std::mem::replace(&mut self.screen(client, session).is_running, is_running) != is_running
    }

    fn screen(&mut self, client: &str, session: &str) -> &mut SessionScreen {
        self.clients.entry(client.to_owned()).or_default().entry(session.to_owned()).or_default()
    }
}

/// The key of a question: its id, or its kind where it has no id.
pub(super) fn key(kind: &str, payload: &Value) -> String {
    payload["request_id"].as_str().unwrap_or(kind).to_owned()
}

/// Whether a turn runs after this event of its session, if the event says so.
pub(super) fn running_after(kind: &str, payload: &Value) -> Option<bool> {
    match kind {
        "message.start" => Some(true),
        "session.info" => payload["running"].as_bool(),
        _ => None,
    }
}

/// Whether a turn runs after the answer to a request of this method, if the answer says so.
pub(super) fn running_in(method: &str, result: &Value) -> Option<bool> {
    match method {
        // Only the answer to a repeated request says so; any other means that one runs.
        "prompt.submit" => Some(result["running"].as_bool().unwrap_or(true)),
        "session.create" | "session.branch" => Some(false),
        _ => result["running"].as_bool(),
    }
}

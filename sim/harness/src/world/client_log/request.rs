//! Requests of clients and their answers.

use gateway_core::clock::Uptime;
use serde_json::Value;

/// A request and its answer.
pub(crate) struct Answer {
    pub(crate) client: String,
    pub(crate) request: SentRequest,
    /// The result, or the error's code.
    pub(crate) result: Result<Value, i64>,
}

/// A request that a client sent.
#[derive(Clone)]
pub(crate) struct SentRequest {
    /// Its place among the requests of its client.
    pub(crate) number: u64,
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) sent_at: Uptime,
    /// The [revision](super::ClientLog::revision) of the received questions at that time.
    pub(crate) questions: u64,
}

impl SentRequest {
    /// Its idempotency key, if it has one.
    pub(crate) fn key(&self) -> Option<&str> {
        self.params["idempotency_key"].as_str()
    }

    /// The runtime id it names, or for a resume the stored one.
    pub(crate) fn session(&self) -> &str {
        self.params["session_id"].as_str().unwrap_or_default()
    }
}

/// A request to a session, with the time of its answer.
pub(crate) struct LoggedRequest {
    /// Its place among the requests of its client.
    pub(crate) number: u64,
    pub(crate) client: String,
    pub(crate) method: String,
    /// The text of a prompt or a steer, or the title to set; empty otherwise.
    pub(crate) text: String,
    /// The idempotency key, if it has one.
    pub(crate) key: Option<String>,
    /// Whether another request with its key was carried out instead. Up to its answer, whether one was sent before.
    pub(crate) repeats: bool,
    pub(crate) sent_at: Uptime,
    /// When a client received the answer; none as long as none has.
    pub(crate) answered: Option<Reply>,
}

/// The status of a request to close a session that found none.
pub(crate) const NOT_CLOSED: &str = "not_closed";

/// The answer to a request, in short.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) at: Uptime,
    /// The `status` of the result, which may be empty, or the error's code.
    pub(crate) status: Result<String, i64>,
}

impl LoggedRequest {
    /// The text as it is said: a steer without the blanks around it.
    pub(crate) fn said(&self) -> &str {
        if self.method == "session.steer" { self.text.trim() } else { &self.text }
    }

    /// Whether it is this request, which names the same session.
    pub(crate) fn is(&self, request: &SentRequest) -> bool {
        self.number == request.number && self.client == request.client
    }

    /// Whether both are one request.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.number == other.number && self.client == other.client
    }

    /// Whether it was answered with one of these statuses, by itself or as the repetition of another.
    pub(crate) fn was_answered(&self, method: &str, statuses: &[&str]) -> bool {
        let status = self.answered.as_ref().and_then(|reply| reply.status.as_deref().ok());
        self.method == method && status.is_some_and(|status| statuses.contains(&status))
    }

    /// Whether it was answered with one of these statuses, and repeats no other request.
    pub(crate) fn was(&self, method: &str, statuses: &[&str]) -> bool {
        !self.repeats && self.was_answered(method, statuses)
    }

    /// Whether it was answered with one of these statuses, or may be.
    pub(crate) fn may_be(&self, method: &str, statuses: &[&str]) -> bool {
        self.method == method && (self.answered.is_none() || self.was_answered(method, statuses))
    }

    /// Whether it asks to stop a turn, which cancels what waits.
    pub(crate) fn stops(&self) -> bool {
        matches!(self.method.as_str(), "session.interrupt" | "session.close")
    }
}

/// Whether a request of this method attaches a session to the connection of its client.
pub(crate) fn is_attaching(method: &str) -> bool {
    matches!(method, "session.create" | "session.resume" | "session.activate" | "session.branch" | "prompt.submit")
}

/// Whether a request of this method uses its session: attaches it, or holds it as a turn does.
pub(super) fn is_use(method: &str) -> bool {
    is_attaching(method) || matches!(method, "session.undo" | "session.compress")
}

/// Whether the answer to a repeated prompt says that its session has ended, or is about to, and was not attached.
pub(crate) fn is_unattached(result: &Value) -> bool {
    result["attached"] == false
}

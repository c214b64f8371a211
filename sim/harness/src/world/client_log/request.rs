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
pub(crate) struct SentRequest {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) sent_at: Uptime,
    /// The [revision](super::ClientLog::revision) of the received questions at that time.
    pub(crate) questions: u64,
}

impl SentRequest {
    /// The runtime id it names, or for a resume the stored one.
    pub(crate) fn session(&self) -> &str {
        self.params["session_id"].as_str().unwrap_or_default()
    }
}

//! Questions as clients received them.

use gateway_core::clock::Uptime;
use serde_json::Value;

/// A question as a client received it.
pub(crate) struct ReceivedQuestion {
    /// The session's runtime id.
    pub(crate) session: String,
    /// The type of the event that asks it.
    pub(crate) kind: String,
    pub(crate) payload: Value,
}

/// The receipt of a question by a client.
pub(crate) struct Receipt {
    pub(crate) client: String,
    /// The session's runtime id.
    pub(crate) session: String,
    /// The type of the event that asks it.
    pub(crate) kind: String,
    pub(crate) payload: Value,
    pub(crate) at: Uptime,
    /// The [revision](super::ClientLog::revision) of the log since then.
    pub(crate) revision: u64,
}

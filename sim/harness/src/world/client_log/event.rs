//! The received frames that claims check, one by one.

use gateway_core::clock::Uptime;
use gateway_core::ids::SessionId;
use gateway_core::state::Session;

use super::request::{Answer, SentRequest};
use crate::footprint::Resource;

/// The code of the error that says that a connection has as many sessions as it may have.
pub(crate) const SESSION_LIMIT: i64 = 4090;

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

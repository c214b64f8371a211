//! The session that a request names, and whether its connection may have it.

use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};

/// The parameter that most methods have.
#[derive(serde::Deserialize)]
pub(crate) struct OfSession {
    session_id: String,
}

impl OfSession {
    /// The live session with this runtime id.
    pub(super) fn find(&self, gateway: &Gateway) -> Result<Session, Error> {
        find(gateway, &self.session_id)
    }
}

/// The live session with the runtime id `id`.
pub(super) fn find(gateway: &Gateway, id: &str) -> Result<Session, Error> {
    let found = gateway.sessions.find(id);
    found.ok_or_else(|| Error::new(code::SESSION_NOT_FOUND, format!("session not found: {id}")))
}

/// Fails if the connection has as many sessions as it may have.
pub(super) fn room_for_session(gateway: &Gateway, link: &Link) -> Result<(), Error> {
    let max = gateway.config.max_sessions_per_connection;
    if max == 0 || gateway.sessions.count_attached(link) < max as usize {
        return Ok(());
    }
    let message = format!("the connection has {max} sessions, as many as it may have; close one or drop it");
    Err(Error::new(code::SESSION_LIMIT, message))
}

/// Fails if the connection would take the session over and has as many as it may have.
pub(super) fn room_to_attach(gateway: &Gateway, session: &Session, link: &Link) -> Result<(), Error> {
    let is_there = session.read(|record| record.is_heard_by(&link.id));
    if is_there { Ok(()) } else { room_for_session(gateway, link) }
}

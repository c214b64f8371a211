//! `session.events.since`: the events that a client has missed.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;

use super::session;
use crate::rpc::{Error, code};
use crate::state::{EventLog, Gateway};

#[derive(Deserialize)]
pub(super) struct Since {
    session_id: String,
    last_seen: u64,
}

/// The events after a number.
pub(super) fn since(gateway: &Rc<Gateway>, params: &Since) -> Result<Value, Error> {
    let session = session::find(gateway, &params.session_id)?;
    let events = session.events(|log: &EventLog| log.since(params.last_seen));
    events.ok_or_else(|| Error::new(code::UNKNOWN_METHOD, "unknown method `session.events.since`"))
}

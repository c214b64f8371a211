//! `session.create`: registers a session, which has no row yet. One that begins with messages is a *draft*.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::room_for_session;
use crate::agent::Agent;
use crate::ends::idle;
use crate::ends::reaper;
use crate::entropy::{Purpose, Stream};
use crate::ids::SessionId;
use crate::record::{Record, Transcript};
use crate::rpc::Error;
use crate::state::{EventLog, Gateway, Link, Session};
use crate::store::{NewMessage, Role, StoredId};
use crate::work::build;

/// Parameters. Unknown ones, such as `cols`, are ignored.
#[derive(Deserialize)]
pub(super) struct Create {
    title: Option<String>,
    cwd: Option<String>,
    source: Option<String>,
    #[serde(default)]
    close_on_disconnect: bool,
    /// The conversation so far, of the session that this one is a branch of or of any other.
    #[serde(default)]
    messages: Vec<Said>,
    parent_session_id: Option<StoredId>,
}

/// A message that the session begins with.
#[derive(Deserialize)]
struct Said {
    role: Role,
    #[serde(alias = "text")]
    content: String,
}

/// Registers a session, attaches it to the connection, and starts the build of its agent a little later.
pub(super) fn create(gateway: &Rc<Gateway>, link: &Link, params: Create) -> Result<Value, Error> {
    room_for_session(gateway, link)?;
    let now = gateway.env.now();
    let key = gateway.new_row(now.wall, Stream::Client(link.connection.name()));
    let lineage = &gateway.behavior.lineage;
    let source = lineage.source(params.source, &gateway.config.source);
    let mut record = Record::new(key, &source, now);
    record.details.cwd = params.cwd;
    record.details.pending_title = params.title;
    record.details.close_on_disconnect = params.close_on_disconnect;
    record.details.branch_of = lineage.draft_of(params.parent_session_id);
    let said = params.messages.into_iter().map(|said| NewMessage::text(said.role, said.content, now.wall));
    record.transcript = Transcript::stored(said.collect());
    if lineage.stores_draft(record.details.branch_of.as_ref()) {
        record.transcript.draft = record.transcript.messages.len();
    }
    let session = register(gateway, link, record, None);
    build::later(gateway, &session, gateway.config.build_delay);
    idle::cap_later(gateway);
    Ok(session.read(|record| {
        json!({
            "session_id": session.id().as_str(),
            "stored_session_id": record.key.as_str(),
            "message_count": record.transcript.messages.len(),
            "messages": record.transcript.shown(),
            "info": record.info(&gateway.config.model),
        })
    }))
}

/// Registers a record under a new runtime id, and attaches it to the connection. `agent` is the agent of a record whose
/// agent is ready.
pub(super) fn register(gateway: &Rc<Gateway>, link: &Link, record: Record, agent: Option<Rc<dyn Agent>>) -> Session {
    let draw = || gateway.env.draw(Stream::Client(link.connection.name()), Purpose::SessionId);
    let mut id = SessionId::from_bits(draw());
    // An id has 32 bits, so that one is drawn twice sooner or later.
    while gateway.sessions.find(id.as_str()).is_some() {
        id = SessionId::from_bits(draw());
    }
    let events = gateway.behavior.events.keeps().then(EventLog::default);
    let session = gateway.sessions.register(id, record, agent, events);
    reaper::attach(gateway, &session, link);
    session
}

//! Brings a session into the registry: a record under a new runtime id, a row that is reopened, an agent that is built.

use std::rc::Rc;

use crate::agent::Agent;
use crate::ends::idle;
use crate::ends::reaper;
use crate::entropy::{Purpose, Stream};
use crate::ids::SessionId;
use crate::legacy;
use crate::lifecycle::events::Replay;
use crate::lifecycle::provider::CutBy;
use crate::lifecycle::resume::{Building, CountedRows, Reopen, Service};
use crate::record::{Queued, Record, Transcript};
use crate::rpc::{Error, code};
use crate::state::{EventLog, Gateway, Link, Session};
use crate::storage::{input, persist};
use crate::store::{NewMessage, StoreError, StoredId};
use crate::work::build;

/// The outcome of an attempt to reopen a row.
pub(crate) enum Opened {
    /// Its session was live, and is attached to the connection.
    Live(Session),
    /// Its session is live from now on, and attached to the connection.
    Brought {
        /// The session.
        session: Session,
        /// How many messages a client shows, those of earlier rows included; 0 in a release that does not count them.
        shown: usize,
    },
    /// The chain continues at this row.
    MovedOn(StoredId),
}

/// What a session is resumed with.
pub(crate) struct Loaded {
    /// The messages of its row.
    pub(crate) transcript: Transcript,
    /// The messages that its client displays, those of earlier rows included; none in a release that does not count them.
    pub(crate) displayed: Vec<NewMessage>,
    /// What was accepted and waits, in the order in which it is carried out.
    pub(crate) waiting: Vec<Queued>,
    /// Built before the record is registered, in some releases.
    pub(crate) agent: Option<Rc<dyn Agent>>,
}

/// Registers a record under a new runtime id, and attaches it to the connection. `agent` is the agent of a record whose
/// agent is ready.
pub(crate) fn register(
    gateway: &Rc<Gateway>,
    link: &Link,
    mut record: Record,
    agent: Option<Rc<dyn Agent>>,
) -> Session {
    let draw = || gateway.env.draw(Stream::Client(link.connection.name()), Purpose::SessionId);
    let mut id = SessionId::from_bits(draw());
    // An id has 32 bits, so that one is drawn twice sooner or later.
    while gateway.sessions.find(id.as_str()).is_some() {
        id = SessionId::from_bits(draw());
    }
    let behavior = &gateway.behavior.events;
    let events = match behavior.replay() {
        Replay::Kept => Some(EventLog::new(gateway.config.max_kept_events, behavior.replaying())),
        Replay::Lost => None,
    };
    record.audience = gateway.behavior.attach.audience(gateway.config.fan_out);
    let session = gateway.sessions.register(id, record, agent, events);
    reaper::attach(gateway, &session, link);
    session
}

/// The live session of a row, as the release looks it up.
pub(crate) fn live(gateway: &Gateway, target: &StoredId) -> Option<Session> {
    gateway.sessions.find_owner(target, |record| gateway.behavior.resume.is_live(record, target))
}

/// Attaches a live session to the connection of a resume.
pub(crate) fn attach(gateway: &Rc<Gateway>, session: &Session, link: &Link) {
    reaper::attach(gateway, session, link);
    session.change(|record| record.details.last_active = gateway.env.now());
}

/// Reopens a row. Returns the row that is open now: the tip, if `target` is not it.
pub(crate) async fn reopen(gateway: &Gateway, target: &StoredId, service: Service) -> Result<StoredId, StoreError> {
    match gateway.behavior.resume.reopen(service) {
        Reopen::Tip => gateway.rows.reopen_tip(target.clone()).await?.ok_or(StoreError::NoSession),
        Reopen::Unconditional => {
            gateway.rows.reopen(target.clone()).await?;
            Ok(target.clone())
        }
    }
}

/// Reads the messages of a row and what waits for it, and builds the agent if that comes before the record. It writes nothing: a
/// resume that fails leaves the row of another program as it was.
pub(crate) async fn load(gateway: &Gateway, target: &StoredId, service: Service) -> Result<Loaded, Error> {
    let rows = gateway.rows.messages(target.clone()).await.map_err(failed)?;
    let messages: Vec<NewMessage> = rows.into_iter().map(|row| row.message).collect();
    let displayed = match gateway.behavior.resume.counted() {
        CountedRows::Row => Vec::new(),
        CountedRows::Chain => legacy::chain::displayed(gateway, target, service, &messages).await.map_err(failed)?,
    };
    let agent = match gateway.behavior.resume.building(service) {
        Building::First => Some(build_now(gateway).await?),
        Building::Meanwhile | Building::Later | Building::AtFirstPrompt => None,
    };
    let waiting = input::left(gateway, target).await.map_err(failed)?;
    Ok(Loaded { transcript: Transcript::loaded(messages), displayed, waiting, agent })
}

/// Stores a result for each call that the end of a process has left without one. Where the store refuses them, they stay unsaved
/// and go with the next flush.
pub(crate) async fn close_calls(gateway: &Gateway, row: &StoredId, loaded: &mut Loaded) {
    let transcript = &loaded.transcript;
    let closing = gateway.behavior.provider.closing(&transcript.messages, CutBy::Process, gateway.env.now().wall);
    if closing.is_empty() {
        return;
    }
    let stored = persist::append(gateway, row, transcript.messages.len(), closing.clone(), Vec::new()).await;
    match gateway.behavior.resume.counted() {
        CountedRows::Row => {}
        CountedRows::Chain => loaded.displayed.extend_from_slice(&closing),
    }
    let messages = [std::mem::take(&mut loaded.transcript.messages), closing].concat();
    loaded.transcript = match stored {
        Ok(()) => Transcript::loaded(messages),
        Err(_) => Transcript { messages, ..std::mem::take(&mut loaded.transcript) },
    };
}

/// Builds an agent before its record is registered.
pub(crate) async fn build_now(gateway: &Gateway) -> Result<Rc<dyn Agent>, Error> {
    let built = gateway.env.build_agent().await;
    built.map_err(|error| Error::new(code::RESUME_FAILED, format!("agent init failed: {error}")))
}

/// Builds the agent of a resumed session that is registered, at once or later as its client asked.
pub(crate) async fn build_agent(gateway: &Rc<Gateway>, session: &Session, service: Service) {
    match gateway.behavior.resume.building(service) {
        Building::Meanwhile => build::at_once(gateway, session).await,
        Building::Later => build::later(gateway, session, gateway.config.build_delay),
        Building::First | Building::AtFirstPrompt => {}
    }
}

/// The session of a new row is complete: its agent is built a little later, and the cap is enforced.
pub(crate) fn complete(gateway: &Rc<Gateway>, session: &Session) {
    build::later(gateway, session, gateway.config.build_delay);
    idle::cap_later(gateway);
}

/// A resume fails because the store has.
pub(crate) fn failed(error: StoreError) -> Error {
    Error::new(code::RESUME_FAILED, format!("resume failed: {error}"))
}

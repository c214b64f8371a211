//! `session.resume` and `session.activate`: a client returns to a session.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::create::register;
use super::session::{OfSession, room_for_session, room_to_attach};
use crate::agent::Agent;
use crate::ends::finalize;
use crate::ends::idle;
use crate::ends::reaper;
use crate::lifecycle::grace;
use crate::lifecycle::resume::{Building, OnLive, Service};
use crate::record::Actor;
use crate::record::{AgentState, Record, SessionStage, Transcript, shown};
use crate::rpc::{Error, code};
use crate::spawn::Window;
use crate::state::{EventLog, Gateway, Link, Session};
use crate::store::{EndReason, MessageRow, SessionRow, StoreError, StoredId};
use crate::work::build;

/// How often a resume follows a chain whose tip moves on meanwhile.
const HOPS_MAX: u32 = 100;

#[derive(Deserialize)]
pub(super) struct Resume {
    session_id: Option<String>,
    /// The client only reads.
    #[serde(default)]
    lazy: bool,
    /// The answer waits for the agent.
    #[serde(default)]
    eager_build: bool,
}

/// What the request names, and how it is to be served.
struct Asked {
    row: SessionRow,
    service: Service,
}

/// Attaches to the live session with a stored id or title, or reopens its row.
pub(super) async fn resume(gateway: &Rc<Gateway>, link: &Link, params: Resume) -> Result<Value, Error> {
    let asked = params.session_id.filter(|id| !id.is_empty());
    let asked = asked.ok_or_else(|| Error::new(code::SESSION_ID_REQUIRED, "session_id required"))?;
    let service = match (params.lazy, params.eager_build) {
        (true, _) => Service::Lazy,
        (false, true) => Service::Eager,
        (false, false) => Service::Full,
    };
    let service = gateway.behavior.resume.service(service);
    let asked = Asked { row: lookup(gateway, &asked).await?, service };
    let mut target = tip(gateway, &asked.row.id, service).await?;
    for _ in 0..HOPS_MAX {
        let found = {
            let _lock = gateway.resume_lock.lock().await;
            live(gateway, &target)
        };
        if let Some(session) = found {
            match session.read(|record| gateway.behavior.resume.on_live(record)) {
                OnLive::Attach if session.read(grace::is_settling) => {
                    return Err(Error::new(code::BUSY, "the session's turn is being interrupted"));
                }
                OnLive::Attach => {
                    if !session.read(|record| record.attachment.is_to(&link.id)) {
                        room_for_session(gateway, link)?;
                    }
                    return Ok(attach_live(gateway, &session, link));
                }
                OnLive::Wait => session.until(|record| (record.stage != SessionStage::Opening).then_some(())).await,
                OnLive::Reject => {
                    return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed, retry"));
                }
            }
        } else if let Err(full) = room_for_session(gateway, link) {
            // The conversation may have moved on to another row, or be live by now: then the connection may have it
            // already, and needs no room.
            let newest = tip(gateway, &target, service).await?;
            if newest == target && live(gateway, &target).is_none() {
                return Err(full);
            }
            target = newest;
        } else {
            match bring_back(gateway, link, &target, &asked).await? {
                Opened::Here(payload) => return Ok(payload),
                Opened::MovedOn(tip) => target = tip,
            }
        }
    }
    Err(Error::passing(code::RESUME_FAILED, "the session keeps moving on, retry"))
}

/// `session.activate`: attaches to a live session.
pub(super) fn activate(gateway: &Rc<Gateway>, link: &Link, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    if session.read(|record| gateway.behavior.resume.on_live(record)) != OnLive::Attach {
        return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
    }
    if gateway.behavior.attach.activate_binds() {
        room_to_attach(gateway, &session, link)?;
        reaper::attach(gateway, &session, link);
    }
    session.change(|record| record.details.last_active = gateway.env.now());
    Ok(payload(gateway, &session))
}

/// The outcome of an attempt to reopen a row.
enum Opened {
    /// Its session is live and attached to the connection.
    Here(Value),
    /// The chain continues at this row.
    MovedOn(StoredId),
}

async fn bring_back(gateway: &Rc<Gateway>, link: &Link, target: &StoredId, asked: &Asked) -> Result<Opened, Error> {
    if gateway.behavior.resume.registers_first() {
        register_then_reopen(gateway, link, target, asked).await
    } else {
        reopen_then_register(gateway, link, target, asked).await
    }
}

/// Registers the record before its row is reopened. Another resume of the row, or an end, waits meanwhile.
async fn register_then_reopen(
    gateway: &Rc<Gateway>,
    link: &Link,
    target: &StoredId,
    asked: &Asked,
) -> Result<Opened, Error> {
    if gateway.is_stopping() {
        return Err(Error::passing(code::RESUME_FAILED, "the gateway is shutting down, retry"));
    }
    let mut record = Record::new(target.clone(), &asked.row.source, gateway.env.now());
    record.stage = SessionStage::Opening;
    record.details.started_at = asked.row.started_at;
    let session = register(gateway, link, record, None);
    let opened = match reopen(gateway, target, asked.service).await {
        Ok(tip) if tip == *target => load(gateway, target, asked.service).await.map(Ok),
        Ok(tip) => Ok(Err(tip)),
        Err(error) => Err(failed(error)),
    };
    match opened {
        Ok(Ok(loaded)) => {
            session.change_with(|record, handles| {
                record.transcript = transcript(loaded.messages);
                if let Some(agent) = loaded.agent {
                    handles.set_agent(record, agent);
                }
                record.stage = SessionStage::Open;
            });
            // Its client may have disconnected meanwhile.
            idle::rearm(gateway, &session);
            build_now_or_later(gateway, &session, asked.service).await;
            if session.read(|record| record.stage != SessionStage::Open) {
                return Err(Error::passing(code::STORED_NOT_FOUND, "the session was closed meanwhile, retry"));
            }
            idle::cap_later(gateway);
            Ok(Opened::Here(payload(gateway, &session)))
        }
        Ok(Err(tip)) => {
            forget(gateway, &session);
            Ok(Opened::MovedOn(tip))
        }
        // The row may have been reopened: it is ended like that of any other session.
        Err(error) => {
            session.change(|record| record.stage = SessionStage::Open);
            finalize::end(gateway, &session, Actor::Disconnect).await;
            Err(error)
        }
    }
}

async fn reopen_then_register(
    gateway: &Rc<Gateway>,
    link: &Link,
    target: &StoredId,
    asked: &Asked,
) -> Result<Opened, Error> {
    let tip = reopen(gateway, target, asked.service).await.map_err(failed)?;
    if tip != *target {
        return Ok(Opened::MovedOn(tip));
    }
    gateway.env.window(Window::ReopenedNotRegistered).await;
    let loaded = load(gateway, target, asked.service).await?;
    let _lock = gateway.resume_lock.lock().await;
    // Another request may have brought the session back meanwhile.
    if let Some(session) = live(gateway, target) {
        if loaded.agent.is_some() && gateway.behavior.close.agent_ends_row() {
            // The agent that is not needed ends the row when it is closed (S32); errors are only logged.
            let _ = gateway.rows.end(target.clone(), gateway.env.now().wall, EndReason::AgentClose).await;
        }
        return Ok(Opened::Here(attach_live(gateway, &session, link)));
    }
    let mut record = Record::new(target.clone(), &asked.row.source, gateway.env.now());
    record.details.started_at = asked.row.started_at;
    record.transcript = transcript(loaded.messages);
    let is_built = loaded.agent.is_some();
    if is_built {
        record.agent.state = AgentState::Ready;
    }
    let session = register(gateway, link, record, loaded.agent);
    match is_built {
        true => gateway.approvals.enter(&session),
        false => build_now_or_later(gateway, &session, asked.service).await,
    }
    idle::cap_later(gateway);
    Ok(Opened::Here(payload(gateway, &session)))
}

/// What a session is resumed with.
struct Loaded {
    messages: Vec<MessageRow>,
    /// Built before the record is registered, in some releases.
    agent: Option<Rc<dyn Agent>>,
}

async fn load(gateway: &Gateway, target: &StoredId, service: Service) -> Result<Loaded, Error> {
    let messages = gateway.rows.messages(target.clone()).await.map_err(failed)?;
    let agent = match gateway.behavior.resume.building(service) {
        Building::First => Some(build_now(gateway).await?),
        Building::Meanwhile | Building::Later | Building::AtFirstPrompt => None,
    };
    Ok(Loaded { messages, agent })
}

/// Builds an agent before its record is registered.
pub(super) async fn build_now(gateway: &Gateway) -> Result<Rc<dyn Agent>, Error> {
    let built = gateway.env.build_agent().await;
    built.map_err(|error| Error::new(code::RESUME_FAILED, format!("agent init failed: {error}")))
}

/// Builds the agent of a registered session, at once or later as its client asked.
async fn build_now_or_later(gateway: &Rc<Gateway>, session: &Session, service: Service) {
    match gateway.behavior.resume.building(service) {
        Building::Meanwhile => build::at_once(gateway, session).await,
        Building::Later => build::later(gateway, session, gateway.config.build_delay),
        Building::First | Building::AtFirstPrompt => {}
    }
}

/// Reopens a row. Returns the row that is open now: the tip, if `target` is not it.
async fn reopen(gateway: &Gateway, target: &StoredId, service: Service) -> Result<StoredId, StoreError> {
    if gateway.behavior.resume.reopens_tip(service) {
        let tip = gateway.rows.reopen_tip(target.clone()).await?;
        tip.ok_or(StoreError::NoSession)
    } else {
        gateway.rows.reopen(target.clone()).await?;
        Ok(target.clone())
    }
}

/// Takes out a record that was registered for a row that is not its own.
pub(super) fn forget(gateway: &Gateway, session: &Session) {
    gateway.sessions.remove(session);
    session.change_with(|record, handles| {
        record.stage = SessionStage::Finalized;
        handles.cancel_timers(record);
    });
}

/// The row that a resume of `row` leads to.
async fn tip(gateway: &Gateway, row: &StoredId, service: Service) -> Result<StoredId, Error> {
    match gateway.behavior.resume.tip_rule(service) {
        Some(rule) => gateway.rows.tip(row.clone(), rule).await.map_err(failed),
        None => Ok(row.clone()),
    }
}

async fn lookup(gateway: &Gateway, asked: &str) -> Result<SessionRow, Error> {
    let by_id = gateway.rows.session(StoredId::new(asked)).await.map_err(failed)?;
    let found = match by_id {
        Some(row) => Some(row),
        None => gateway.rows.titled(asked.to_owned()).await.map_err(failed)?,
    };
    found.ok_or_else(|| Error::new(code::STORED_NOT_FOUND, format!("stored session not found: {asked}")))
}

fn live(gateway: &Gateway, target: &StoredId) -> Option<Session> {
    gateway.sessions.find_owner(target, |record| gateway.behavior.resume.is_live(record, target))
}

fn attach_live(gateway: &Rc<Gateway>, session: &Session, link: &Link) -> Value {
    reaper::attach(gateway, session, link);
    session.change(|record| record.details.last_active = gateway.env.now());
    payload(gateway, session)
}

fn transcript(rows: Vec<MessageRow>) -> Transcript {
    Transcript::loaded(rows.into_iter().map(|row| row.message).collect())
}

/// The result of a resume.
fn payload(gateway: &Gateway, session: &Session) -> Value {
    let mut payload = session.read(|record| {
        // Work without a prompt is no turn.
        let turn = record.turn.as_ref().filter(|turn| !turn.user.is_empty());
        let messages = turn.map_or(&record.transcript.messages[..], |turn| record.transcript.before(turn));
        let inflight = turn.map(|turn| json!({"user": turn.user, "assistant": turn.assistant, "streaming": true}));
        json!({
            "session_id": session.id().as_str(),
            "resumed": record.agent.row.as_str(),
            "session_key": record.key.as_str(),
            "message_count": messages.len(),
            "messages": shown(messages),
            "info": record.info(&gateway.config.model),
            "inflight": inflight,
            "running": record.is_running(),
            "started_at": record.details.started_at.as_seconds(),
            "status": record.status(),
        })
    });
    if let Some(latest) = session.events(EventLog::latest) {
        payload["latest_seq"] = latest.into();
    }
    if gateway.behavior.events.asks_again() {
        payload["pending"] = session.read(|record| {
            let asked = record.question.iter().map(|asked| json!({"type": asked.event(), "payload": asked.payload}));
            asked.collect()
        });
    }
    payload
}

fn failed(error: StoreError) -> Error {
    Error::new(code::RESUME_FAILED, format!("resume failed: {error}"))
}

//! `session.resume` and `session.activate`: a client comes back to a session.

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
use crate::lifecycle::resume::{Building, Live, Service};
use crate::record::Actor;
use crate::record::{AgentState, Record, SessionStage, Transcript, shown};
use crate::rpc::{Error, code};
use crate::spawn::Window;
use crate::state::{EventLog, Gateway, Link, Session};
use crate::store::{EndReason, MessageRow, SessionRow, StoreError, StoredId};
use crate::work::build;

/// How often a resume follows a chain that moves on under it. Beyond that something is broken.
const HOPS_MAX: u32 = 100;

#[derive(Deserialize)]
pub(super) struct Resume {
    session_id: Option<String>,
    /// The client only looks.
    #[serde(default)]
    lazy: bool,
    /// The agent is to be there with the answer.
    #[serde(default)]
    eager_build: bool,
}

/// What is brought back, and for what.
struct Asked {
    row: SessionRow,
    service: Service,
}

/// Attaches to the live session of a stored id or title, or brings the stored one back to life.
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
                Live::Attach if session.read(grace::is_settling) => {
                    return Err(Error::new(code::BUSY, "the session's turn is being interrupted"));
                }
                Live::Attach => {
                    if !session.read(|record| record.attachment.is_to(&link.id)) {
                        room_for_session(gateway, link)?;
                    }
                    return Ok(attach_live(gateway, &session, link));
                }
                Live::Wait => session.until(|record| (record.stage != SessionStage::Opening).then_some(())).await,
                Live::Refuse => {
                    return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed, retry"));
                }
            }
        } else if let Err(full) = room_for_session(gateway, link) {
            // It may have gone on under another id since it was looked for, or have been brought back meanwhile: then who
            // has it needs no room.
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

/// `session.activate`: the live payload, and the events to this connection.
pub(super) fn activate(gateway: &Rc<Gateway>, link: &Link, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    if session.read(|record| gateway.behavior.resume.on_live(record)) != Live::Attach {
        return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
    }
    if gateway.behavior.attach.activate_binds() {
        room_to_attach(gateway, &session, link)?;
        reaper::attach(gateway, &session, link);
    }
    session.change(|record| record.facts.last_active = gateway.env.now());
    Ok(payload(gateway, &session))
}

/// What became of an attempt to bring a row back.
enum Opened {
    /// It is live on this connection.
    Here(Value),
    /// The chain goes on at another row.
    MovedOn(StoredId),
}

async fn bring_back(gateway: &Rc<Gateway>, link: &Link, target: &StoredId, asked: &Asked) -> Result<Opened, Error> {
    if gateway.behavior.resume.registers_first() {
        register_then_reopen(gateway, link, target, asked).await
    } else {
        reopen_then_register(gateway, link, target, asked).await
    }
}

/// The record stands in the registry while its row is opened: another resume waits for it, an end too.
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
    record.facts.started_at = asked.row.started_at;
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
            // Its client may have left meanwhile.
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
        // The row may have been opened: it is ended again, as that of a session like any other.
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
    // Somebody else may have brought it back meanwhile: then theirs is the session.
    if let Some(session) = live(gateway, target) {
        if loaded.agent.is_some() && gateway.behavior.close.agent_ends_row() {
            // The agent that is not needed takes the row for its own; errors are only logged.
            let _ = gateway.rows.end(target.clone(), gateway.env.now().wall, EndReason::AgentClose).await;
        }
        return Ok(Opened::Here(attach_live(gateway, &session, link)));
    }
    let mut record = Record::new(target.clone(), &asked.row.source, gateway.env.now());
    record.facts.started_at = asked.row.started_at;
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

/// What a session is brought back with.
struct Loaded {
    messages: Vec<MessageRow>,
    /// Only where it is built before the answer.
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

/// Builds the agent of a record that is not there yet.
pub(super) async fn build_now(gateway: &Gateway) -> Result<Rc<dyn Agent>, Error> {
    let built = gateway.env.build_agent().await;
    built.map_err(|error| Error::new(code::RESUME_FAILED, format!("agent init failed: {error}")))
}

/// Builds the agent of a record that is there, when its client wants it.
async fn build_now_or_later(gateway: &Rc<Gateway>, session: &Session, service: Service) {
    match gateway.behavior.resume.building(service) {
        Building::Meanwhile => build::at_once(gateway, session).await,
        Building::Later => build::later(gateway, session, gateway.config.build_delay),
        Building::First | Building::AtFirstPrompt => {}
    }
}

/// Clears the row's end; the row that is now open.
async fn reopen(gateway: &Gateway, target: &StoredId, service: Service) -> Result<StoredId, StoreError> {
    if gateway.behavior.resume.reopens_tip(service) {
        let tip = gateway.rows.reopen_tip(target.clone()).await?;
        tip.ok_or(StoreError::NoSession)
    } else {
        gateway.rows.reopen(target.clone()).await?;
        Ok(target.clone())
    }
}

/// A record that was registered too early leaves without a trace: its row is not its own.
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
    session.change(|record| record.facts.last_active = gateway.env.now());
    payload(gateway, session)
}

fn transcript(rows: Vec<MessageRow>) -> Transcript {
    Transcript::loaded(rows.into_iter().map(|row| row.message).collect())
}

/// What a client is told about a session it comes back to.
fn payload(gateway: &Gateway, session: &Session) -> Value {
    let mut payload = session.read(|record| {
        // What holds a session without a prompt is no turn.
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
            "started_at": record.facts.started_at.as_seconds(),
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

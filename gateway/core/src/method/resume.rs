//! `session.resume` and `session.activate`: a client returns to a session.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::{OfSession, room_for_session, room_to_attach};
use crate::actor::Actor;
use crate::ends::finalize;
use crate::ends::idle;
use crate::ends::reaper;
use crate::legacy;
use crate::lifecycle::attach::Activate;
use crate::lifecycle::close::is_of_another_program;
use crate::lifecycle::events::Questions;
use crate::lifecycle::grace;
use crate::lifecycle::interrupt::AfterResume;
use crate::lifecycle::queue::Storage;
use crate::lifecycle::resume::{AnswerMade, CountedRows, OnLive, Order, Service};
use crate::record::{Record, SessionStage, shown, unfinished};
use crate::rpc::{Error, code};
use crate::state::{EventLog, Gateway, Link, Session};
use crate::storage::reconcile;
use crate::store::{SessionRow, StoredId};
use crate::work::model;
use crate::work::opening::{self, Loaded, Opened, failed};
use crate::work::turn;

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
    /// The model that the session has from here on; left out: the one it has.
    model: Option<String>,
    /// The number of the last event that the client has seen, to receive those after it with the answer.
    last_seen: Option<u64>,
    /// The runtime id of the session that numbered that event.
    seen_in: Option<String>,
}

/// What the request names, and how it is to be served.
struct Asked {
    row: SessionRow,
    service: Service,
    /// The model that the session gets, if the request asks for one.
    model: Option<String>,
    /// How often the row had got another model before it was read; none if it was getting one then.
    model_changes: Option<u64>,
}

/// Attaches to the live session with a stored id or title, or reopens its row. A client that names the last event that it has seen
/// receives those after it in the answer; the events from then on follow as frames.
pub(super) async fn resume(gateway: &Rc<Gateway>, link: &Link, mut params: Resume) -> Result<Value, Error> {
    let (last_seen, seen_in) = (params.last_seen.take(), params.seen_in.take());
    let (session, mut answer) = attach(gateway, link, params).await?;
    if let Some(last_seen) = last_seen {
        let is_its_own = seen_in.as_deref() == Some(session.id().as_str());
        let missed = |log: &EventLog| if is_its_own { log.since(last_seen) } else { log.since_another() };
        if let Some(missed) = session.events(missed) {
            answer["missed"] = missed;
        }
    }
    Ok(answer)
}

/// The session that a request leads to, and the answer.
async fn attach(gateway: &Rc<Gateway>, link: &Link, params: Resume) -> Result<(Session, Value), Error> {
    let asked = params.session_id.filter(|id| !id.is_empty());
    let asked = asked.ok_or_else(|| Error::new(code::SESSION_ID_REQUIRED, "session_id required"))?;
    let service = match (params.lazy, params.eager_build) {
        (true, _) => Service::Lazy,
        (false, true) => Service::Eager,
        (false, false) => Service::Full,
    };
    let service = gateway.behavior.resume.service(service);
    let model_changes = gateway.model_changes(&StoredId::new(asked.as_str()));
    let row = lookup(gateway, &asked).await?;
    let model = gateway.behavior.lineage.new_model(params.model);
    let mut asked = Asked { row, service, model, model_changes };
    let mut target = tip(gateway, &asked.row.id, service).await?;
    for _ in 0..HOPS_MAX {
        let found = {
            let _lock = gateway.resume_lock.lock().await;
            opening::live(gateway, &target)
        };
        if let Some(session) = found {
            match session.read(|record| gateway.behavior.resume.on_live(record)) {
                OnLive::Attach if session.read(grace::is_settling) => {
                    return Err(Error::new(code::BUSY, "the session's turn is being interrupted"));
                }
                OnLive::Attach => {
                    if !session.read(|record| record.is_heard_by(&link.id)) {
                        room_for_session(gateway, link)?;
                    }
                    if let Some(model) = asked.model.clone() {
                        if model::change(gateway, &session, &model).await.map_err(failed)? {
                            asked.model = None;
                        }
                        // The session may have ended meanwhile, or continue under another row.
                        continue;
                    }
                    let answer = attached(gateway, link, &session, &target).await;
                    return Ok((session, answer));
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
            if newest == target && opening::live(gateway, &target).is_none() {
                return Err(full);
            }
            target = newest;
        } else {
            match bring_back(gateway, link, &target, &asked).await? {
                Opened::Live(session) => {
                    let answer = payload(gateway, link, &session, None);
                    return Ok((session, answer));
                }
                Opened::Brought { session, shown } => {
                    let answer = payload(gateway, link, &session, Some(shown));
                    return Ok((session, answer));
                }
                Opened::MovedOn(tip) => target = tip,
            }
        }
    }
    Err(Error::passing(code::RESUME_FAILED, "the session keeps moving on, retry"))
}

/// Attaches a live session to the connection of a resume, and returns the answer.
async fn attached(gateway: &Rc<Gateway>, link: &Link, session: &Session, target: &StoredId) -> Value {
    let early = match gateway.behavior.resume.answer() {
        AnswerMade::Attached => None,
        AnswerMade::BeforeLookup => {
            let answer = payload(gateway, link, session, None);
            let _ = gateway.rows.session(target.clone()).await;
            Some(answer)
        }
    };
    opening::attach(gateway, session, link);
    match gateway.behavior.interrupt.after_resume() {
        AfterResume::Same => {}
        AfterResume::None => drop(session.change_with(|record, handles| handles.forget_interrupt(record))),
    }
    early.unwrap_or_else(|| payload(gateway, link, session, None))
}

/// `session.activate`: attaches to a live session.
pub(super) fn activate(gateway: &Rc<Gateway>, link: &Link, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    if session.read(|record| gateway.behavior.resume.on_live(record)) != OnLive::Attach {
        return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
    }
    match gateway.behavior.attach.on_activate() {
        Activate::Binds => {
            room_to_attach(gateway, &session, link)?;
            reaper::attach(gateway, &session, link);
        }
        Activate::AnswersOnly => {}
    }
    session.change(|record| record.details.last_active = gateway.env.now());
    Ok(payload(gateway, link, &session, None))
}

async fn bring_back(gateway: &Rc<Gateway>, link: &Link, target: &StoredId, asked: &Asked) -> Result<Opened, Error> {
    match gateway.behavior.resume.order() {
        Order::RegisterThenReopen => register_then_reopen(gateway, link, target, asked).await,
        Order::ReopenThenRegister => {
            legacy::resume::reopen_then_register(gateway, link, target, &asked.row, asked.service).await
        }
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
    let source = gateway.behavior.lineage.resumed_source(&asked.row.source, &gateway.config.source);
    let mut record = Record::new(target.clone(), source, gateway.env.now());
    record.stage = SessionStage::Opening;
    record.details.started_at = asked.row.started_at;
    record.details.model = gateway.behavior.lineage.resumed_model(asked.row.model.clone());
    let session = opening::register(gateway, link, record, None);
    let (was_ended, opened) = match was_ended(gateway, target, asked).await {
        Ok(was_ended) => {
            let opened = match opening::reopen(gateway, target, asked.service).await {
                Ok(tip) if tip == *target => load(gateway, target, asked).await.map(Ok),
                Ok(tip) => Ok(Err(tip)),
                Err(error) => Err(failed(error)),
            };
            (was_ended, opened)
        }
        Err(error) => (false, Err(error)),
    };
    match opened {
        Ok(Ok((loaded, model))) => {
            session.change_with(|record, handles| {
                record.details.model = model;
                record.details.earlier = loaded.displayed.len().saturating_sub(loaded.transcript.messages.len());
                record.transcript = loaded.transcript;
                record.queue = loaded.waiting;
                if let Some(agent) = loaded.agent {
                    handles.set_agent(record, agent);
                }
                record.stage = SessionStage::Open;
            });
            turn::carry_on(gateway, &session);
            // Its client may have disconnected meanwhile.
            idle::rearm(gateway, &session);
            opening::build_agent(gateway, &session, asked.service).await;
            if session.read(|record| record.stage != SessionStage::Open) {
                return Err(Error::passing(code::STORED_NOT_FOUND, "the session was closed meanwhile, retry"));
            }
            idle::cap_later(gateway);
            Ok(Opened::Brought { session, shown: shown(&loaded.displayed).len() })
        }
        Ok(Err(tip)) => {
            forget(gateway, &session);
            Ok(Opened::MovedOn(tip))
        }
        // Another program may have the row open.
        Err(error) if is_of_another_program(&asked.row.source) && !was_ended => {
            forget(gateway, &session);
            Err(error)
        }
        // The row may have been reopened: it is ended like that of any other session. Until then it is listed, with its own model.
        Err(error) => {
            if *target != asked.row.id
                && let Ok(Some(row)) = reconcile::read(gateway, || gateway.rows.session(target.clone())).await
            {
                session.change(|record| record.details.model = gateway.behavior.lineage.resumed_model(row.model));
            }
            session.change(|record| record.stage = SessionStage::Open);
            finalize::end(gateway, &session, Actor::Disconnect).await;
            Err(error)
        }
    }
}

/// Reads what the session is resumed with, and the model that it has or gets.
async fn load(gateway: &Gateway, target: &StoredId, asked: &Asked) -> Result<(Loaded, Option<String>), Error> {
    let mut loaded = opening::load(gateway, target, asked.service).await?;
    let is_unchanged = asked.model_changes.is_some() && gateway.model_changes(target) == asked.model_changes;
    let model = match &asked.model {
        Some(model) => {
            model::store(gateway, target, model).await.map_err(failed)?;
            Some(model.clone())
        }
        None if *target == asked.row.id && is_unchanged => asked.row.model.clone(),
        None => gateway.rows.session(target.clone()).await.map_err(failed)?.and_then(|row| row.model),
    };
    // Nothing fails from here on.
    opening::close_calls(gateway, target, &mut loaded).await;
    Ok((loaded, gateway.behavior.lineage.resumed_model(model)))
}

/// Whether the row `target` is ended before it is reopened. A resume that fails leaves an open row of another program as it is, so
/// the tip of that program's conversation is looked up.
async fn was_ended(gateway: &Gateway, target: &StoredId, asked: &Asked) -> Result<bool, Error> {
    if asked.row.id == *target || !is_of_another_program(&asked.row.source) {
        return Ok(asked.row.ended_at.is_some());
    }
    let row = gateway.rows.session(target.clone()).await.map_err(failed)?;
    Ok(row.is_some_and(|row| row.ended_at.is_some()))
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

/// The result of a resume. `displayed` is the number of messages that its client displays; `None` if the session was live.
fn payload(gateway: &Gateway, link: &Link, session: &Session, displayed: Option<usize>) -> Value {
    let keeps_inputs = gateway.behavior.queue.storage() == Storage::Rows;
    let mut payload = session.read(|record| {
        // Work without a prompt is no turn.
        let turn = record.turn.as_ref().filter(|turn| !turn.user.is_empty());
        let cut = turn.filter(|_| gateway.behavior.resume.cuts_inflight());
        let messages = cut.map_or(&record.transcript.messages[..], |turn| record.transcript.before(turn));
        let mut payload = json!({
            "session_id": session.id().as_str(),
            "resumed": record.agent.row.as_str(),
            "session_key": record.key.as_str(),
            "message_count": match gateway.behavior.resume.counted() {
                CountedRows::Row => messages.len(),
                CountedRows::Chain => legacy::chain::message_count(record, displayed),
            },
            "messages": shown(messages),
            "info": record.info(&gateway.config.model),
            "inflight": record.inflight(),
            "running": record.is_running(),
            "started_at": record.details.started_at.as_seconds(),
            "status": gateway.behavior.approval.status(record),
        });
        if keeps_inputs {
            payload["waiting"] = record.queue.iter().map(|queued| queued.text.clone()).collect::<Vec<_>>().into();
            payload["unfinished"] = json!(unfinished(messages));
        }
        payload
    });
    if let Some(latest) = session.events(EventLog::latest) {
        payload["latest_seq"] = latest.into();
    }
    if gateway.behavior.events.questions() == Questions::AskedAgain {
        payload["pending"] = session.read(|record| {
            // A client that another has taken the session from meanwhile would not learn that the question is over.
            let open = record.question.iter().filter(|_| record.is_heard_by(&link.id));
            let asked = open.map(|asked| json!({"type": asked.event(), "payload": asked.payload}));
            asked.collect()
        });
    }
    payload
}

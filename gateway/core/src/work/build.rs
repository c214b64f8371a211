//! Builds a session's agent: a little after `session.create`, or when a prompt needs it.

use std::rc::Rc;

use crate::clock::Millis;
use crate::ends::idle;
use crate::lifecycle::agents::{BuildDecision, OfEnded};
use crate::record::{AgentState, Record, SessionStage};
use crate::spawn::{TaskName, TaskRole};
use crate::state::{Gateway, Session};
use crate::work::silence;

/// Starts the build after `delay`, unless it has begun by then.
pub(crate) fn later(gateway: &Rc<Gateway>, session: &Session, delay: Millis) {
    let name = TaskName::session(session.id(), TaskRole::BuildTimer);
    let (later, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(name, async move {
        later.env.sleep(delay).await;
        let untouched = |record: &Record| matches!(record.agent.state, AgentState::Unbuilt);
        if session.read(|record| record.stage != SessionStage::Finalized && untouched(record)) {
            start(&later, &session);
        }
    });
}

/// Starts the build and waits until it has succeeded or failed.
pub(crate) async fn at_once(gateway: &Rc<Gateway>, session: &Session) {
    start(gateway, session);
    session.until(|record| (!matches!(record.agent.state, AgentState::Building)).then_some(())).await;
}

/// Starts the build, unless it has begun. A failed build is repeated, depending on the release.
pub(crate) fn start(gateway: &Rc<Gateway>, session: &Session) {
    let decision = session.change(|record| {
        let decision = gateway.behavior.build.on_prompt(&record.agent.state);
        if decision == BuildDecision::Start {
            record.agent.state = AgentState::Building;
        }
        decision
    });
    if decision == BuildDecision::Start {
        let (building, session) = (Rc::clone(gateway), session.clone());
        gateway
            .env
            .spawn(TaskName::session(session.id(), TaskRole::Build), async move { build(&building, &session).await });
    }
}

async fn build(gateway: &Rc<Gateway>, session: &Session) {
    let built = gateway.env.build_agent().await;
    let on_end = gateway.behavior.build.on_end();
    session.change_with(|record, handles| match built {
        // An ended session has no use for it.
        _ if record.stage == SessionStage::Finalized && on_end == OfEnded::LetGo => handles.discard_agent(record),
        Ok(agent) => handles.set_agent(record, agent),
        Err(error) => record.agent.state = AgentState::Failed(format!("agent init failed: {error}")),
    });
    // Its turn is no longer silent from this instant on, also for a grace that expires before the turn's task goes on.
    silence::ends(gateway, session);
    // For a session that has ended meanwhile, the entry of its row goes, whichever session it is by now (S12).
    match gateway.sessions.contains(session) {
        true => gateway.approvals.enter(session),
        false => gateway.approvals.leave(session),
    }
    let failure = session.read(|record| match &record.agent.state {
        AgentState::Failed(message) => Some(message.clone()),
        _ => None,
    });
    // A session whose client left during the build may be idle from here on.
    idle::rearm(gateway, session);
    match failure {
        Some(message) => session.emit("error", serde_json::json!({"message": message})),
        None => gateway.emit_info(session),
    }
}

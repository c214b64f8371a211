//! Ends sessions that are idle for long, and the ones used least recently beyond the cap.
//!
//! Nothing polls: a session that becomes idle arms a timer for the first scan at which it can be due.

use std::rc::Rc;

use crate::actor::Actor;
use crate::clock::Uptime;
use crate::ends::finalize;
use crate::legacy::windows;
use crate::lifecycle::idle::{self, Reaper, Victims};
use crate::record::{Record, SessionStage, Timer};
use crate::spawn::{TaskName, TaskRole, Window};
use crate::state::{Gateway, Registry, Session};

/// Arms the idle timer, or cancels it while a client or a turn uses the session. Called whenever a use ends.
pub(crate) fn rearm(gateway: &Rc<Gateway>, session: &Session) {
    match gateway.behavior.idle.reaper() {
        Reaper::Scans => {}
        Reaper::None => return,
    }
    let (id, now) = (gateway.next_timer(), gateway.env.now().uptime);
    let armed = session.change_with(|record, handles| {
        handles.cancel_idle(record);
        let due = idle::due(record, gateway.config.session_ttl);
        let deadline = idle::scan_after(due.max(now));
        is_evictable(&gateway.sessions, record).then(|| (deadline, handles.arm_idle(record, Timer { id, deadline })))
    });
    if let Some((deadline, cancelled)) = armed {
        let (waiting, session) = (Rc::clone(gateway), session.clone());
        gateway.env.spawn(TaskName::session(session.id(), TaskRole::Idle), async move {
            tokio::select! {
                biased; // a timer that is cancelled at the instant it would fire is cancelled
                _ = cancelled => return,
                () = waiting.env.sleep_until(deadline) => {}
            }
            scan(&waiting, &session).await;
        });
    }
}

/// Ends a session that is idle for too long; rearms the timer of any other.
pub(crate) async fn scan(gateway: &Rc<Gateway>, session: &Session) {
    session.change_with(|record, handles| handles.cancel_idle(record));
    let now = gateway.env.now().uptime;
    if is_victim(gateway, session, now) {
        evict(gateway, session, Actor::IdleReaper).await;
    } else {
        rearm(gateway, session);
    }
}

/// A session was added: the cap is enforced a little later.
pub(crate) fn cap_later(gateway: &Rc<Gateway>) {
    if excess(gateway) > 0 {
        let capping = Rc::clone(gateway);
        gateway.env.spawn(TaskName::gateway(TaskRole::Cap), async move {
            capping.env.sleep(idle::CAP_DELAY).await;
            cap(&capping).await;
        });
    }
}

/// Ends the idle sessions used least recently, until there are no more than the cap allows.
pub(crate) async fn cap(gateway: &Rc<Gateway>) {
    let evictable = |session: &Session| session.read(|record| is_evictable(&gateway.sessions, record));
    let mut victims: Vec<Session> = gateway.sessions.all().into_iter().filter(|session| evictable(session)).collect();
    victims.sort_by_key(|session| session.read(|record| record.details.last_active.uptime));
    for session in victims {
        // Counted again each time: another scan, or a client, may have ended some meanwhile.
        if excess(gateway) == 0 {
            return;
        }
        evict(gateway, &session, Actor::Cap).await;
    }
}

/// How many live sessions there are beyond the cap.
fn excess(gateway: &Gateway) -> usize {
    let cap = gateway.behavior.idle.cap(gateway.config.max_live_sessions);
    let stays = |record: &Record| matches!(record.stage, SessionStage::Open | SessionStage::Opening);
    cap.map_or(0, |cap| gateway.sessions.count(stays).saturating_sub(cap))
}

async fn evict(gateway: &Rc<Gateway>, session: &Session, actor: Actor) {
    // A client may have attached while another session was ended.
    match gateway.behavior.idle.victims() {
        Victims::TestedAgain if !session.read(|record| is_evictable(&gateway.sessions, record)) => return,
        Victims::TestedAgain | Victims::NotTestedAgain => {}
    }
    windows::pass(gateway, Window::VictimChosen).await;
    finalize::end(gateway, session, actor).await;
}

fn is_victim(gateway: &Gateway, session: &Session, now: Uptime) -> bool {
    session
        .read(|record| is_evictable(&gateway.sessions, record) && idle::due(record, gateway.config.session_ttl) < now)
}

/// Whether no client and no turn uses it. A connection that is gone is no client.
fn is_evictable(sessions: &Registry, record: &Record) -> bool {
    let served = record.attachment.connection().is_some_and(|connection| sessions.is_linked(connection));
    idle::is_evictable(record, served)
}

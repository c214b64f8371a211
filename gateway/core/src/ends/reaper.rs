//! The orphan grace: a session without a client is kept for the client's return, then ended.

use std::rc::Rc;

use crate::actor::Actor;
use crate::clock::{Millis, Uptime};
use crate::ends::finalize;
use crate::ends::idle;
use crate::legacy::windows;
use crate::lifecycle::attach::{DeadConnection, Departure, Disconnect};
use crate::lifecycle::close::OnDisconnect;
use crate::lifecycle::events::{Questions, Returned};
use crate::lifecycle::grace::{GraceClock, OnExpiry, TimerKind, Timers};
use crate::observe::SessionEvent;
use crate::record::{Attachment, Audience, Timer};
use crate::spawn::{TaskName, TaskRole, Window};
use crate::state::{Gateway, Link, Session};

/// How often a turn is checked that the grace has interrupted.
const CHECK_INTERVAL: Millis = Millis::from_secs(1);

/// A connection has ended: detaches its sessions. Each has a whole grace from now.
pub(crate) async fn detach_all(gateway: &Rc<Gateway>, link: &Link) {
    let snapshot = gateway.sessions.unlink(link);
    windows::pass(gateway, Window::DetachSnapshot).await;
    for session in snapshot {
        detach(gateway, &session);
    }
}

fn detach(gateway: &Rc<Gateway>, session: &Session) {
    if gateway.behavior.attach.on_departure() == Departure::GoesBack && go_back(gateway, session) {
        return;
    }
    let since = gateway.env.now().uptime;
    session.change(|record| {
        let from = match &record.attachment {
            Attachment::Attached(connection) => Some(connection.clone()),
            Attachment::Detached { from, .. } => from.clone(),
        };
        record.attachment = Attachment::Detached { since, from };
    });
    let closes = session.read(|record| record.details.close_on_disconnect);
    if closes && gateway.behavior.close.on_disconnect() == OnDisconnect::Closes {
        let (closing, session) = (Rc::clone(gateway), session.clone());
        gateway.env.spawn(TaskName::session(session.id(), TaskRole::Disconnect), async move {
            // A client may have attached before this task ran.
            let alone = session.read(|record| matches!(record.attachment, Attachment::Detached { .. }));
            if alone || closing.behavior.attach.on_disconnect() == Disconnect::Snapshot {
                finalize::end(&closing, &session, Actor::Disconnect).await;
            }
        });
        return;
    }
    arm(gateway, session);
    idle::rearm(gateway, session);
}

/// Attaches a session to the connection that had it last, of those that are still served. False if there is none.
fn go_back(gateway: &Rc<Gateway>, session: &Session) -> bool {
    let back_to = session.change(|record| {
        record.before.retain(|connection| gateway.sessions.is_linked(connection));
        let connection = record.before.pop()?;
        record.attachment = Attachment::Attached(connection.clone());
        record.show_question(&connection);
        Some(record.audience)
    });
    // Who has heard the session all along knows its state.
    if back_to == Some(Audience::Latest) {
        match gateway.behavior.events.returned() {
            Returned::StateIsSent => gateway.emit_state(session),
            Returned::Nothing => {}
        }
        if gateway.behavior.events.questions() == Questions::AskedAgain {
            session.emit_question();
        }
    }
    back_to.is_some()
}

/// Attaches a session to a connection, and cancels its timers.
///
/// If the connection has died while the request was carried out, the session stays attached to any other, or in its
/// grace. One that has neither is detached, since no reader would do that later.
pub(crate) fn attach(gateway: &Rc<Gateway>, session: &Session, link: &Link) {
    let dead = !gateway.sessions.is_linked(&link.id);
    if dead && gateway.behavior.attach.on_dead_connection() == DeadConnection::Detaches {
        if !is_served(gateway, session) && session.read(|record| record.timers.is_empty()) {
            detach(gateway, session);
        }
        return;
    }
    session.change_with(|record, handles| {
        record.before.retain(|before| gateway.sessions.is_linked(before));
        record.attach(&link.id);
        handles.keep(record, link);
        handles.cancel_idle(record);
        if gateway.behavior.grace.timers() == Timers::Single {
            handles.cancel_timers(record);
        }
    });
}

/// Whether the session is attached to a connection that is still served.
fn is_served(gateway: &Gateway, session: &Session) -> bool {
    let connection = session.read(|record| record.attachment.connection().cloned());
    connection.is_some_and(|connection| gateway.sessions.is_linked(&connection))
}

/// Starts the grace. A grace of zero keeps orphans for ever.
fn arm(gateway: &Rc<Gateway>, session: &Session) {
    let grace = gateway.config.orphan_grace;
    if grace == Millis::ZERO {
        return;
    }
    if gateway.behavior.grace.timers() == Timers::Single {
        session.change_with(|record, handles| handles.cancel_timers(record));
    }
    for kind in gateway.behavior.grace.timer_kinds() {
        arm_one(gateway, session, gateway.env.now().uptime + grace, *kind);
    }
}

fn arm_one(gateway: &Rc<Gateway>, session: &Session, deadline: Uptime, kind: TimerKind) {
    let id = gateway.next_timer();
    let cancelled = session.change_with(|record, handles| handles.arm(record, Timer { id, deadline }));
    let now = gateway.env.now();
    let over = match gateway.behavior.grace.clock() {
        GraceClock::Uptime => gateway.env.sleep_until(deadline),
        GraceClock::Wall => gateway.env.clock.sleep_until_wall(now.wall + (deadline - now.uptime)),
    };
    let (waiting, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), TaskRole::Grace), async move {
        tokio::select! {
            biased; // a timer that is cancelled at the instant it would fire is cancelled
            _ = cancelled => return,
            () = over => {}
        }
        expire(&waiting, &session, id, kind).await;
    });
}

async fn expire(gateway: &Rc<Gateway>, session: &Session, id: u64, kind: TimerKind) {
    if kind == TimerKind::Rearm {
        windows::pass(gateway, Window::FirstTimerLooked).await;
    }
    let now = gateway.env.now().uptime;
    let decision = session.change_with(|record, handles| {
        let is_armed = handles.fire(record, id);
        is_armed.then(|| gateway.behavior.grace.on_expiry(record, kind, now, &gateway.config))
    });
    match decision {
        Some(OnExpiry::Reap) => {
            finalize::end(gateway, session, Actor::OrphanTimer).await;
        }
        Some(OnExpiry::Rearm) => arm(gateway, session),
        Some(OnExpiry::InterruptAndRearm) => {
            session.report(SessionEvent::TurnGivenUp);
            session.interrupt();
            arm(gateway, session);
        }
        Some(OnExpiry::InterruptAndCheck) => {
            session.change(|record| {
                record.details.interrupted = Some(record.details.interrupted.map_or(0, |checks| checks + 1))
            });
            session.interrupt();
            arm_one(gateway, session, gateway.env.now().uptime + CHECK_INTERVAL, kind);
        }
        Some(OnExpiry::StandDown) | None => {}
    }
}

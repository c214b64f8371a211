//! The server: accepts connections, reads their frames, answers them. It has no state of its own.

use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};
use tokio::sync::Semaphore;

use crate::actor::Actor;
use crate::clock::Millis;
use crate::ends::deadline;
use crate::ends::finalize;
use crate::ends::idle;
use crate::ends::reaper;
use crate::ends::startup;
use crate::lifecycle::close::LaterRequests;
use crate::lifecycle::events::WhileAsking;
use crate::lifecycle::idle::Reaper;
use crate::lifecycle::process::{OnSignal, Signal};
use crate::lifecycle::writing::Stalled;
use crate::method::{self, Method, Pace};
use crate::rpc::{self, Request};
use crate::spawn::{TaskName, TaskRole};
use crate::state::{Gateway, Link};
use crate::store::EndReason;
use crate::transport::{Connection, Died, Transport};
use crate::work::question;

pub use crate::ends::deadline::Left;

/// How long a request holds up the later ones of its connection that may take long, but seldom does.
const HELD_UP_MAX: Millis = Millis::from_secs(5);

/// The most requests of slow pace of one connection that are carried out at one time. Each holds a conversation in memory.
/// While there are as many, the connection is not read. A client that comes back resumes as many sessions as it may have.
const LONG_MAX: usize = 64;

/// Serves the transport's connections, each in a task of its own, until it has no more.
pub async fn serve(gateway: Rc<Gateway>, transport: Rc<dyn Transport>) {
    startup::recover(&gateway).await;
    while let Some(connection) = transport.accept().await {
        let name = TaskName::client(connection.name(), TaskRole::Reader);
        let reading = Rc::clone(&gateway);
        gateway.env.spawn(name, async move { read(reading, connection).await });
    }
}

/// Ends every live session, as far as the release does on this signal. Turns are interrupted first, all at once.
///
/// From here on no session is created, resumed or prompted.
pub async fn shutdown(gateway: &Gateway, signal: Signal) {
    match gateway.behavior.shutdown.on_signal(signal) {
        OnSignal::Exit => {}
        OnSignal::EndRows => {
            let sessions = gateway.sessions.all();
            let ends = sessions.iter().map(|session| finalize::end_rows_only(gateway, session, EndReason::TuiShutdown));
            join_all(ends).await;
        }
        OnSignal::EndSessions => {
            gateway.stop();
            let sessions = gateway.sessions.all();
            join_all(sessions.iter().map(|session| finalize::end(gateway, session, Actor::Shutdown))).await;
        }
    }
}

/// Carries out `ending`, which calls [`shutdown`], within `time` if there is a bound. When it is over, each session that is left
/// has one last try to store its messages and to end its row, whatever holds it. Returns what is left then; `None` if the end came
/// in time.
///
/// The last try takes a second at most. Tools that run go on, and the caller ends the process. Cancelling it leaves sessions
/// unended; the next start ends their rows.
pub async fn end_within(gateway: &Gateway, ending: impl Future<Output = ()>, time: Option<Millis>) -> Option<Left> {
    deadline::end_within(gateway, ending, time).await
}

/// Scans every session as the idle reaper does.
pub async fn scan_idle(gateway: &Rc<Gateway>) {
    if gateway.behavior.idle.reaper() == Reaper::Scans {
        for session in gateway.sessions.all() {
            idle::scan(gateway, &session).await;
        }
        // The cap follows each scan (spec §6.4).
        idle::cap(gateway).await;
    }
}

/// Serves one connection until it ends, then detaches its sessions.
async fn read(gateway: Rc<Gateway>, connection: Rc<dyn Connection>) {
    let link = gateway.sessions.link(connection, gateway.behavior.writing.room());
    let slots = Arc::new(Semaphore::new(LONG_MAX));
    let reading = async {
        if link.send(rpc::ready()).is_ok() {
            while let Ok(Some(frame)) = link.connection.receive().await {
                match gateway.behavior.events.while_asking() {
                    WhileAsking::Serves => {}
                    WhileAsking::HoldsUp => question::answered(&gateway, &link, &frame).await,
                }
                handle(&gateway, &link, &slots, &frame).await;
            }
        }
    };
    let reading = async {
        tokio::select! {
            biased; // the writer never ends; it runs only while the reader does
            () = reading => {}
            () = write(&gateway, &link) => {}
        }
    };
    // A request that panics ends its connection, and the sessions are detached all the same.
    let read = AssertUnwindSafe(reading).catch_unwind().await;
    link.connection.close();
    reaper::detach_all(&gateway, &link).await;
    if let Err(panic) = read {
        resume_unwind(panic);
    }
}

async fn handle(gateway: &Rc<Gateway>, link: &Link, slots: &Arc<Semaphore>, frame: &str) {
    match rpc::parse(frame) {
        None => {}
        Some(Err((id, error))) => answer(link, Some(id), Err(error)),
        Some(Ok(request)) => {
            let pace = Method::named(&request.method).map_or(Pace::Inline, Method::pace);
            let name = TaskName::client(link.connection.name(), TaskRole::Request);
            let (serving, link) = (Rc::clone(gateway), link.clone());
            // In a box: otherwise each idle connection has the memory for the largest method.
            let answered = async move { dispatch(&serving, &link, request).await }.boxed_local();
            match pace {
                Pace::Inline => answered.await,
                Pace::Bounded if gateway.behavior.close.later_requests() == LaterRequests::Wait => answered.await,
                Pace::Bounded => {
                    if let Either::Right((_, answered)) = select(answered, gateway.env.sleep(HELD_UP_MAX)).await {
                        gateway.env.spawn.spawn(name, answered);
                    }
                }
                Pace::Long => {
                    let slot = Arc::clone(slots).acquire_owned().await;
                    gateway.env.spawn(name, async move {
                        answered.await;
                        drop(slot);
                    });
                }
            }
        }
    }
}

async fn dispatch(gateway: &Rc<Gateway>, link: &Link, request: Request) {
    let outcome = method::call(gateway, link, &request.method, request.params).await;
    answer(link, request.id, outcome);
}

fn answer(link: &Link, id: Option<serde_json::Value>, outcome: Result<serde_json::Value, rpc::Error>) {
    if let Some(id) = id {
        // A client that cannot be answered is gone: closing the connection ends its reader.
        if link.answer(rpc::response(id, outcome)).is_err() {
            link.connection.close();
        }
    }
}

/// Sends the frames that wait as soon as the connection has room for them, until the client has read nothing for the write
/// timeout. Never returns; the caller drops it with the reader.
async fn write(gateway: &Gateway, link: &Link) {
    loop {
        link.behind().await;
        let timeout = gateway.config.write_timeout;
        let stalled = gateway.behavior.writing.on_timeout().filter(|_| timeout > Millis::ZERO);
        tokio::select! {
            biased; // room at the instant of the timeout counts
            room = link.connection.room() => match room {
                Ok(()) => link.catch_up(),
                Err(Died) => return pending().await,
            },
            () = gateway.env.sleep(timeout), if stalled.is_some() => {
                match stalled {
                    Some(Stalled::Silence) => link.silence(),
                    Some(Stalled::Drop) | None => link.give_up(),
                }
                return pending().await;
            }
        }
    }
}

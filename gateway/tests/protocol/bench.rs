//! A gateway with one connection, rows in memory, and a clock that advances to each deadline.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use gateway_core::Gateway;
use gateway_core::agent::script::ScriptedAgents;
use gateway_core::behavior::Behavior;
use gateway_core::clock::{Clock, Now, Uptime, Wall};
use gateway_core::config::Config;
use gateway_core::entropy::{Entropy, Purpose, Stream, Uncertain};
use gateway_core::env::Env;
use gateway_core::spawn::{Spawn, TaskName, Window};
use gateway_core::store::{Found, Pending, Read, Store, Write, Written};
use gateway_core::transport::{Connection, Died, Transport, Unsent};
use gateway_sqlite::{Database, Dump};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A gateway and the client's end of its connection.
pub(crate) struct Bench {
    database: Rc<RefCell<Database>>,
    wire: Rc<Wire>,
    tasks: Rc<Tasks>,
}

/// The ids of a session, substituted into frames.
pub(crate) struct Ids {
    runtime: String,
    stored: String,
}

/// Runs `work` with a new gateway and one connection.
pub(crate) fn run<T>(work: impl AsyncFnOnce(&Bench) -> T) -> T {
    let bench = Bench::new();
    // Nothing here waits for anything but the tasks, so no runtime is needed.
    work(&bench).now_or_never().expect("the bench never waits")
}

impl Bench {
    fn new() -> Self {
        let database = Rc::new(RefCell::new(Database::in_memory().expect("memory")));
        let (wire, tasks) = (Rc::<Wire>::default(), Rc::<Tasks>::default());
        let clock = Rc::new(Time::default());
        let env = Env {
            clock: Rc::clone(&clock) as _,
            store: Rc::new(AtTheCall(Rc::clone(&database))),
            agents: Rc::new(ScriptedAgents::new(clock, BTreeMap::new(), gateway_core::clock::Millis::ZERO)),
            entropy: Rc::<Count>::default(),
            spawn: Rc::clone(&tasks) as _,
            observe: gateway_core::observe::Observe::default(),
        };
        // A grace of zero: no timer is armed that would have to pass.
        let config = Config { orphan_grace: gateway_core::clock::Millis::ZERO, ..Config::default() };
        let gateway = Gateway::new(env, config, Behavior::default());
        let transport = Rc::new(OneClient(RefCell::new(Some(Rc::clone(&wire)))));
        tasks.add(Box::pin(gateway_core::server::serve(gateway, transport)));
        Self { database, wire, tasks }
    }

    /// Creates a session with one answered prompt.
    pub(crate) async fn session(&self) -> Ids {
        let created = self.exchange(&frame("session.create", &json!({}))).await.expect("an answer");
        let mut ids = Ids { runtime: String::new(), stored: String::new() };
        ids.follow(&created["result"]);
        let prompt = json!({"session_id": ids.runtime, "text": "hello"});
        self.exchange(&frame("prompt.submit", &prompt)).await.expect("an answer");
        self.settle().await;
        ids
    }

    /// Sends a frame, runs all tasks until they wait, and returns the answer, if any.
    pub(crate) async fn exchange(&self, frame: &str) -> Option<Value> {
        self.settle().await;
        self.wire.sent.borrow_mut().clear();
        self.wire.inbox.borrow_mut().push_back(frame.to_owned());
        self.wire.arrived.notify_one();
        self.settle().await;
        let sent = self.wire.sent.borrow();
        let frames = sent.iter().map(|frame| serde_json::from_str::<Value>(frame).expect("the gateway sends JSON"));
        let mut answers: Vec<Value> = frames.filter(|frame| frame.get("method").is_none()).collect();
        assert!(answers.len() <= 1, "{} answers to one frame", answers.len());
        answers.pop()
    }

    /// Runs all tasks until they wait.
    pub(crate) async fn settle(&self) {
        self.tasks.drain();
    }

    /// The committed sessions and messages.
    pub(crate) fn dump(&self) -> Dump {
        self.database.borrow().dump().expect("rows")
    }

    /// The stored texts, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.dump().messages.into_iter().map(|row| row.message.content.unwrap_or_default()).collect()
    }
}

impl Ids {
    /// Substitutes the session's ids into the frame.
    pub(crate) fn fill(&self, frame: &str) -> String {
        frame.replace("SID", &self.runtime).replace("KEY", &self.stored)
    }

    /// Switches to the session that the answer names, if any.
    pub(crate) fn follow(&mut self, result: &Value) {
        let text = |key: &str| result.get(key).and_then(Value::as_str).map(str::to_owned);
        if let (Some(runtime), Some(stored)) = (text("session_id"), text("stored_session_id").or(text("session_key"))) {
            *self = Self { runtime, stored };
        }
    }
}

fn frame(method: &str, params: &Value) -> String {
    json!({"id": 0, "method": method, "params": params}).to_string()
}

/// A clock that jumps to each deadline: a sleep completes at once and advances time.
#[derive(Default)]
struct Time(Rc<Cell<u64>>);

impl Clock for Time {
    fn now(&self) -> Now {
        Now { uptime: Uptime(self.0.get()), wall: Wall(1_767_225_600_000 + self.0.get()) }
    }

    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        let now = Rc::clone(&self.0);
        async move { now.set(now.get().max(deadline.0)) }.boxed_local()
    }

    fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
        self.sleep_until(Uptime(deadline.0.saturating_sub(1_767_225_600_000)))
    }
}

#[derive(Default)]
struct Count(Cell<u64>);

impl Entropy for Count {
    fn draw(&self, _: Stream<'_>, _: Purpose) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    fn pick(&self, _: Uncertain, _: usize) -> usize {
        0
    }
}

/// The gateway's tasks, polled whenever the client waits.
#[derive(Default)]
struct Tasks {
    running: RefCell<FuturesUnordered<LocalBoxFuture<'static, ()>>>,
    new: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
}

impl Tasks {
    fn add(&self, task: LocalBoxFuture<'static, ()>) {
        self.new.borrow_mut().push(task);
    }

    /// Polls the tasks, and those that they spawn, until each waits for the client or has returned.
    fn drain(&self) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            self.running.borrow_mut().extend(self.new.take());
            let polled = self.running.borrow_mut().poll_next_unpin(&mut context);
            // The set asks to be polled again when it has run for long, though nothing has ended.
            let again = matches!(polled, Poll::Ready(Some(()))) || woken.0.swap(false, Ordering::Relaxed);
            if !again && self.new.borrow().is_empty() {
                return;
            }
        }
    }
}

/// A waker that records whether its task is ready.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Spawn for Tasks {
    fn spawn(&self, _: TaskName, task: LocalBoxFuture<'static, ()>) {
        self.add(task);
    }

    fn window(&self, _: Window) -> LocalBoxFuture<'static, ()> {
        std::future::ready(()).boxed_local()
    }
}

struct AtTheCall(Rc<RefCell<Database>>);

impl Store for AtTheCall {
    fn write(&self, write: Write) -> Pending<Written> {
        let written = self.0.borrow_mut().write(&write);
        std::future::ready(written).boxed_local()
    }

    fn read(&self, read: Read) -> Pending<Found> {
        let found = self.0.borrow().read(&read);
        std::future::ready(found).boxed_local()
    }
}

/// A transport with one client that never disconnects.
struct OneClient(RefCell<Option<Rc<Wire>>>);

impl Transport for OneClient {
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        let client = self.0.borrow_mut().take().map(|wire| wire as Rc<dyn Connection>);
        std::future::ready(client).boxed_local()
    }
}

/// The client's connection: frames to the gateway, and frames from it.
#[derive(Default)]
struct Wire {
    inbox: RefCell<VecDeque<String>>,
    arrived: Notify,
    sent: RefCell<Vec<String>>,
}

impl Connection for Wire {
    fn name(&self) -> &str {
        "client"
    }

    fn receive(&self) -> LocalBoxFuture<'_, Result<Option<String>, Died>> {
        async move {
            loop {
                if let Some(frame) = self.inbox.borrow_mut().pop_front() {
                    return Ok(Some(frame));
                }
                self.arrived.notified().await;
            }
        }
        .boxed_local()
    }

    fn send(&self, frame: String) -> Result<(), Unsent> {
        self.sent.borrow_mut().push(frame);
        Ok(())
    }

    fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>> {
        std::future::ready(Ok(())).boxed_local()
    }

    fn close(&self) {}
}

//! One client of a scenario on a real socket.
#![expect(clippy::disallowed_methods, reason = "real time, and a task for each socket")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::socket::{self, Socket};
use super::{Play, PlayError, What, rows};
use sim_harness::wire::{self, ClientRequest, Received};
use sim_harness::world::names::{Ids, Named};
use sim_scenario::table::{OverSockets, SocketStep};
use sim_scenario::{Action, ConnectionStep, Memory, RequestStep, ResumeTarget, Step};

/// The state of one client.
pub(super) struct Client {
    name: String,
    play: Rc<Play>,
    socket: RefCell<Option<Socket>>,
    requests: Cell<u64>,
    /// Pending requests: the method, and the session name that the answer defines.
    pending: RefCell<BTreeMap<u64, (String, Option<String>)>>,
    received: RefCell<Received>,
}

/// Why a step was not performed.
enum Failure {
    /// The step was skipped; later steps can be performed.
    Skipped(String),
    /// The connection was refused; no step can be performed.
    NotConnected(String),
}

impl Client {
    pub(super) fn new(name: &str, play: &Rc<Play>) -> Rc<Self> {
        Rc::new(Self {
            name: name.to_owned(),
            play: Rc::clone(play),
            socket: RefCell::default(),
            requests: Cell::default(),
            pending: RefCell::default(),
            received: RefCell::default(),
        })
    }

    /// Performs the steps in order of time; returns the number of skipped steps.
    pub(super) async fn follow(self: &Rc<Self>, steps: Vec<Step>) -> Result<usize, PlayError> {
        let mut skipped = 0;
        for step in steps {
            self.play.reach(step.at).await;
            match self.act(&step.action).await {
                Ok(()) => {}
                Err(Failure::Skipped(why)) => {
                    skipped += 1;
                    self.tell(What::Skipped { line: step.line, why });
                }
                Err(Failure::NotConnected(cause)) => {
                    let url = self.play.url.borrow().split('?').next().unwrap_or_default().to_owned();
                    return Err(PlayError::NotConnected { client: self.name.clone(), url, cause });
                }
            }
        }
        Ok(skipped)
    }

    /// Closes the connection, if any.
    pub(super) async fn leave(&self) {
        let socket = self.socket.take();
        if let Some(socket) = socket {
            socket.close().await;
        }
    }

    async fn act(self: &Rc<Self>, action: &Action) -> Result<(), Failure> {
        match (action, action.entry().over_sockets) {
            (Action::Request(step), _) => self.ask(step).await.map_err(Failure::Skipped),
            (Action::Connection(ConnectionStep::Connect { memory }), _) => {
                if *memory == Memory::Lost {
                    self.received.take();
                }
                self.connect().await
            }
            (_, OverSockets::Step(step @ (SocketStep::Close | SocketStep::Drop))) => {
                let socket = self.socket.take().ok_or_else(gone)?;
                self.forget_pending();
                self.tell(What::Did(action.entry().event_text()));
                if step == SocketStep::Close {
                    socket.close().await
                } else {
                    socket.die().await
                }
                Ok(())
            }
            (Action::Process(step), OverSockets::Process(_)) => {
                self.tell(What::Did(action.word()));
                self.play.control(step).map_err(Failure::Skipped)
            }
            (
                _,
                OverSockets::Request
                | OverSockets::No(_)
                | OverSockets::Process(_)
                | OverSockets::Step(SocketStep::Connect),
            ) => {
                unreachable!("`{}` is not played over sockets", action.word())
            }
        }
    }

    async fn connect(self: &Rc<Self>) -> Result<(), Failure> {
        let url = self.play.url.borrow().clone();
        let opened = socket::open(&url, self.play.target.token.as_deref()).await;
        let (socket, pump) = opened.map_err(Failure::NotConnected)?;
        self.tell(What::Did("connects"));
        *self.socket.borrow_mut() = Some(socket.clone());
        let (listening, lost) = (Rc::clone(self), Rc::clone(self));
        tokio::task::spawn_local(async move {
            pump.run(|frame| listening.on_frame(&frame)).await;
            let is_present = lost.socket.borrow().as_ref().is_some_and(|present| present.is(&socket));
            if is_present {
                lost.tell(What::Did("finds its connection gone"));
                lost.socket.take();
                lost.forget_pending();
            }
        });
        Ok(())
    }

    async fn ask(&self, step: &RequestStep) -> Result<(), String> {
        let mentions = step.mentions();
        let ids = match mentions.session {
            Some(session) => Some(self.ids(session).await?),
            None => None,
        };
        if mentions.stored.is_none() && ids.as_ref().is_some_and(|ids| ids.runtime.is_empty()) {
            return Err("no client has resumed the session".to_owned());
        }
        let name = mentions.binds;
        let stored = match mentions.stored {
            Some((session, target)) => {
                let stored = self.ids(session).await.and_then(|ids| self.stored(&ids, target));
                Some(stored.inspect_err(|_| name.into_iter().for_each(|name| self.fail(name)))?)
            }
            None => None,
        };
        let asked = wire::request(step, ids.as_ref(), stored.as_deref(), &mut self.received.borrow_mut());
        let ClientRequest { method, params } = asked?;
        let socket = self.socket.borrow().clone().ok_or("the connection is gone")?;
        let id = self.requests.get() + 1;
        self.requests.set(id);
        self.pending.borrow_mut().insert(id, (method.clone(), name.map(str::to_owned)));
        let session = mentions.session.or(name).map(str::to_owned);
        socket.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        self.tell(What::Asked { method, session });
        Ok(())
    }

    async fn ids(&self, session: &str) -> Result<Ids, String> {
        match self.play.names.resolved(session).await {
            Named::Known(ids) => Ok(ids),
            Named::Failed => Err(format!("session `{session}` never came to be")),
        }
    }

    /// The stored id or the title that a step refers to.
    fn stored(&self, ids: &Ids, target: ResumeTarget) -> Result<String, String> {
        let rows = || {
            let db = self.play.target.db.as_deref().ok_or("the gateway's database is not known")?;
            rows::read(db).map_err(|error| error.to_string())
        };
        match target {
            ResumeTarget::Stored => Ok(ids.stored.clone()),
            ResumeTarget::Tip => Ok(rows::newest(&rows()?, &ids.stored)),
            ResumeTarget::Title => {
                let title = rows()?.into_iter().find(|row| row.id == ids.stored).and_then(|row| row.title);
                title.ok_or_else(|| "the session has no title".to_owned())
            }
        }
    }

    fn on_frame(&self, frame: &Value) {
        let Some(id) = frame.get("id").and_then(Value::as_u64) else {
            let event = &frame["params"];
            self.received.borrow_mut().event(event);
            let text = |key: &str| event[key].as_str().map(str::to_owned);
            let kind = text("type").unwrap_or_default();
            return self.tell(What::Received { session: text("session_id"), kind, payload: event["payload"].clone() });
        };
        let Some((method, name)) = self.pending.borrow_mut().remove(&id) else { return };
        if let Some(name) = name {
            self.received.borrow_mut().named(frame);
            match wire::ids(frame) {
                Some(ids) => self.play.names.resolve(&name, Named::Known(ids)),
                None => self.fail(&name),
            }
        }
        self.tell(What::Answered { method, answer: frame.clone() });
    }

    /// Pending answers are lost; their sessions stay without ids, unless they had some before.
    fn forget_pending(&self) {
        for (_, name) in self.pending.take().into_values() {
            name.into_iter().for_each(|name| self.fail(&name));
        }
    }

    fn fail(&self, name: &str) {
        if self.play.names.resolution(name).is_none() {
            self.play.names.resolve(name, Named::Failed);
        }
    }

    fn tell(&self, what: What) {
        self.play.tell(&self.name, what);
    }
}

fn gone() -> Failure {
    Failure::Skipped("the connection is gone".to_owned())
}

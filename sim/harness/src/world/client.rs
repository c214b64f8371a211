//! Scripted clients. Each client executes its steps in one task, and reads its connection in another.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use gateway_core::clock::{Clock, Uptime};
use gateway_core::state::Session;
use gateway_core::store::{EndReason, NewMessage, NewSession, Role, StoredId, Write};
use serde_json::{Value, json};

use super::client_log::SentRequest;
use super::names::{Ids, Named};
use super::network::{ClientEnd, Network};
use super::process::Process;
use super::store::SimStore;
use super::{SimContext, World};
use crate::footprint::Resource;
use crate::task::{self, TaskTag};
use crate::trace::Site;
use crate::wire::{self, ClientRequest, Received};
use sim_scenario::{Action, ConnectionStep, Memory, RequestStep, ResumeTarget, Step};

/// A client of the scenario.
pub(crate) struct Client {
    name: String,
    context: Rc<SimContext>,
    network: Rc<Network>,
    store: Rc<SimStore>,
    process: Rc<Process>,
    connection: RefCell<Option<ClientEnd>>,
    requests: Cell<u64>,
    /// Requests without an answer, each with the name that the answer will give to a session.
    pending: RefCell<BTreeMap<u64, (SentRequest, Option<String>)>>,
    /// Requests that had no answer when the connection before this one ended.
    unanswered: RefCell<Vec<(SentRequest, Option<String>)>>,
    received: RefCell<Received>,
    /// The steps that are not over yet.
    ahead: RefCell<VecDeque<Rc<Step>>>,
}

/// The reason why a step was skipped.
struct Skipped(String);

impl From<&'static str> for Skipped {
    fn from(why: &'static str) -> Self {
        Self(why.to_owned())
    }
}

impl Client {
    /// Starts the tasks of a client. `steps` are in ascending order of time.
    pub(crate) fn start(name: &str, steps: Vec<Step>, world: &World, process: &Rc<Process>) -> Rc<Self> {
        let client = Rc::new(Self {
            name: name.to_owned(),
            context: Rc::clone(&world.context),
            network: Rc::clone(&world.network),
            store: Rc::clone(&world.store),
            process: Rc::clone(process),
            connection: RefCell::default(),
            requests: Cell::new(0),
            pending: RefCell::default(),
            unanswered: RefCell::default(),
            received: RefCell::default(),
            ahead: RefCell::new(steps.into_iter().map(Rc::new).collect()),
        });
        let script = Box::pin(Rc::clone(&client).follow());
        client.context.pool.spawn(TaskTag::new(name, task::Role::Script).task(), script);
        client
    }

    /// Ends the script, and closes the connection if one is open. Call at the end of the script's time.
    pub(crate) fn leave(&self) {
        let ahead = self.ahead.take();
        for (place, step) in ahead.iter().enumerate() {
            let why = match place {
                0 => "it waits until its session is named, to the end of the script",
                _ => "an earlier step of this client waits to the end of the script",
            };
            self.context.skipped(step, why.to_owned());
        }
        if let Some(connection) = self.connection.borrow_mut().take() {
            self.context.enter(Site::Connection, format!("{} leaves", self.name));
            self.context.client_log.leaves(&self.name, self.context.now());
            connection.close();
            self.context.client_log.disconnected(&self.name, self.context.now());
        }
        self.forget_pending();
    }

    async fn follow(self: Rc<Self>) {
        loop {
            let Some(step) = self.ahead.borrow().front().cloned() else { break };
            self.context.clock.sleep_until(Uptime(step.at.0)).await;
            match self.act(&step.action).await {
                Ok(()) => self.context.carried_out(&step),
                Err(Skipped(why)) => {
                    self.context.enter(Site::Script, format!("line {}: skipped, {why}", step.line));
                    self.context.skipped(&step, why);
                }
            }
            self.ahead.borrow_mut().pop_front();
        }
    }

    async fn act(self: &Rc<Self>, action: &Action) -> Result<(), Skipped> {
        self.changes();
        match action {
            Action::Connection(step) => self.change_connection(step, action.entry().event_text()),
            Action::Request(step) => self.ask(step).await,
            Action::Process(step) => {
                self.process
                    .carry_out(step, async |session: &str| self.start_new_session_elsewhere(session).await)
                    .await
            }
        }
    }

    /// Opens a connection. `event` is the text of the trace entry.
    fn change_connection(self: &Rc<Self>, step: &ConnectionStep, event: &str) -> Result<(), Skipped> {
        match step {
            ConnectionStep::Connect { memory } => self.connect(*memory, event),
            ConnectionStep::Close => self.end(ClientEnd::close, event),
            ConnectionStep::Drop => self.end(ClientEnd::die, event),
            ConnectionStep::Vanish { takes } => {
                let is_noticed = takes.is_some() || self.network.pings();
                self.context.client_log.vanishes(&self.name, is_noticed, self.context.now());
                self.end(|connection| connection.vanish(*takes), event)
            }
            ConnectionStep::Stall => self.disturb(|connection| connection.stall(true), event),
            ConnectionStep::Unstall => self.change(|connection| connection.stall(false), event),
            ConnectionStep::Lag { takes } => self.disturb(|connection| connection.lag(*takes), event),
            ConnectionStep::Cut => self.disturb(|connection| connection.cut(true), event),
            ConnectionStep::Mend => self.change(|connection| connection.cut(false), event),
            ConnectionStep::Resend => self.resend(),
        }
    }

    fn connect(self: &Rc<Self>, memory: Memory, event: &str) -> Result<(), Skipped> {
        if !self.process.is_up() {
            return Err(Skipped("the gateway is down".to_owned()));
        }
        // A kill and a connect at one instant may happen in either order.
        if self.connection.borrow().is_some() {
            return Err(Skipped("the connection is there".to_owned()));
        }
        if memory == Memory::Lost {
            self.received.take();
            self.unanswered.take();
        }
        let connection = self.network.connect(&self.name);
        self.context.enter(Site::Connection, format!("{} {event}", self.name));
        *self.connection.borrow_mut() = Some(connection.clone());
        self.context.client_log.connected(&self.name);
        let receiver = connection.receiver(TaskTag::new(self.name.as_str(), task::Role::Inbox));
        let inbox = Box::pin(Rc::clone(self).receive_all(connection));
        self.context.pool.spawn(receiver, inbox);
        Ok(())
    }

    fn end(&self, how: impl FnOnce(&ClientEnd), event: &str) -> Result<(), Skipped> {
        let connection = self.connection.borrow_mut().take();
        let connection = connection.ok_or_else(|| Skipped("the connection is gone".to_owned()))?;
        self.context.enter(Site::Connection, format!("{} {event}", self.name));
        self.context.client_log.leaves(&self.name, self.context.now());
        how(&connection);
        self.context.client_log.disconnected(&self.name, self.context.now());
        self.forget_pending();
        Ok(())
    }

    /// A change after which frames no longer arrive as usual.
    fn disturb(&self, how: impl FnOnce(&ClientEnd), event: &str) -> Result<(), Skipped> {
        self.context.client_log.doubted(&self.name);
        self.change(how, event)
    }

    fn change(&self, how: impl FnOnce(&ClientEnd), event: &str) -> Result<(), Skipped> {
        let connection = self.connection.borrow();
        let connection = connection.as_ref().ok_or_else(|| Skipped("the connection is gone".to_owned()))?;
        self.context.enter(Site::Connection, format!("{} {event}", self.name));
        how(connection);
        Ok(())
    }

    /// Repeats the requests that had no answer when the connection before this one ended.
    fn resend(&self) -> Result<(), Skipped> {
        let unanswered = self.unanswered.take();
        if unanswered.is_empty() {
            return Err(Skipped("every request had its answer".to_owned()));
        }
        for (request, name) in unanswered {
            if let Some(name) = &name {
                self.context.names.retry(name);
                self.context.names.reserve(&self.name, name);
            }
            self.request(&request.method, request.params, name)?;
        }
        Ok(())
    }

    /// Sends the request of a step.
    async fn ask(&self, step: &RequestStep) -> Result<(), Skipped> {
        let mentions = step.mentions();
        let ids = match mentions.session {
            Some(session) => Some(self.ids(session).await?),
            None => None,
        };
        // A row that the database holds from the start has no runtime id until a client resumes it.
        if mentions.stored.is_none() && ids.as_ref().is_some_and(|ids| ids.runtime.is_empty()) {
            return Err(Skipped("no client has resumed the session".to_owned()));
        }
        self.changes();
        let name = mentions.binds;
        let stored = match mentions.stored {
            Some((session, target)) => {
                let stored = self.ids(session).await.and_then(|ids| self.stored(ids, target));
                Some(stored.inspect_err(|_| name.into_iter().for_each(|name| self.fail(name)))?)
            }
            None => None,
        };
        let asked = wire::request(step, ids.as_ref(), stored.as_deref(), &mut self.received.borrow_mut());
        let ClientRequest { method, params } = asked.map_err(Skipped)?;
        if let Some(name) = name {
            self.context.names.reserve(&self.name, name);
        }
        self.request(&method, params, name.map(str::to_owned))
    }

    /// The stored id or the title that a step refers to.
    fn stored(&self, ids: Ids, target: ResumeTarget) -> Result<String, Skipped> {
        self.context.footprints.read(|| Resource::Rows);
        self.context.footprints.read(|| Resource::Titles);
        let mirror = self.store.mirror();
        match target {
            ResumeTarget::Stored => Ok(ids.stored),
            ResumeTarget::Tip => Ok(mirror.newest(&StoredId::new(ids.stored)).to_string()),
            ResumeTarget::Title => {
                let title = mirror.row(&StoredId::new(ids.stored)).and_then(|row| row.title.clone());
                title.ok_or_else(|| Skipped("the session has no title".to_owned()))
            }
        }
    }

    /// Writes what the command line writes for `/new`: it opens the row, ends it, and starts a child row, which it ends
    /// as well. Rows that the gateway has in use are not written.
    async fn start_new_session_elsewhere(&self, session: &str) -> Result<(), Skipped> {
        self.changes();
        let known = StoredId::new(self.ids(session).await?.stored);
        let left = self.store.mirror().newest(&known);
        if self.store.mirror().row(&left).is_none() {
            return Err(Skipped("the session has no row".to_owned()));
        }
        let owns = |session: &Session| session.read(|record| record.owns(&left));
        if self.process.gateway().is_some_and(|gateway| gateway.sessions.all().iter().any(owns)) {
            return Err(Skipped("the session is in use".to_owned()));
        }
        let at = self.context.clock.now().wall;
        self.requests.set(self.requests.get() + 1);
        let id = StoredId::new(format!("cli_{}", self.requests.get()));
        let child = NewSession {
            id: id.clone(),
            source: "cli".to_owned(),
            model: None,
            parent: Some(left.clone()),
            branched_from: None,
            started_at: at,
            cwd: None,
            title: None,
        };
        let writes = [
            Write::Reopen { session: left.clone() },
            Write::End { session: left, at, reason: EndReason::NewSession },
            Write::StartTurn {
                session: child,
                messages: vec![NewMessage::text(Role::User, "said elsewhere", at)],
                taken: Vec::new(),
                keyed: None,
            },
            Write::End { session: id.clone(), at, reason: EndReason::CliClose },
        ];
        self.store.note_elsewhere(id);
        for write in writes {
            self.store.write_elsewhere(&write).map_err(|error| Skipped(error.to_string()))?;
        }
        Ok(())
    }

    async fn ids(&self, session: &str) -> Result<Ids, Skipped> {
        match self.context.names.resolved(session).await {
            Named::Known(ids) => Ok(ids),
            Named::Failed => Err(Skipped(format!("session `{session}` never came to be"))),
        }
    }

    /// Records that the step of the running task changes the client's state.
    fn changes(&self) {
        self.context.footprints.write(|| Resource::Client(self.name.clone()));
    }

    /// Sends a request. `names` is the name that the answer will give to a session.
    fn request(&self, method: &str, params: Value, names: Option<String>) -> Result<(), Skipped> {
        let connection = self.connection.borrow().clone();
        let connection = connection.ok_or_else(|| Skipped("the connection is gone".to_owned()))?;
        let id = self.requests.get() + 1;
        self.requests.set(id);
        let frame = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        let (client, method) = (self.name.clone(), method.to_owned());
        let questions = self.context.client_log.revision();
        let request = SentRequest { number: id, client, method, params, sent_at: self.context.now(), questions };
        self.context.client_log.sent(&request);
        self.pending.borrow_mut().insert(id, (request, names));
        self.context.enter(Site::Sent, frame.clone());
        connection.send(frame);
        Ok(())
    }

    async fn receive_all(self: Rc<Self>, connection: ClientEnd) {
        while let Some(frame) = connection.receive().await {
            self.changes();
            self.context.enter(Site::Received, frame.clone());
            let value: Value = serde_json::from_str(&frame).expect("the gateway sends JSON");
            if let Some(id) = value.get("id").and_then(Value::as_u64) {
                self.answered(id, value);
            } else {
                self.context.client_log.received(&self.name, &value["params"], self.context.now());
                self.received.borrow_mut().event(&value["params"]);
            }
        }
        self.changes();
        if self.connection.borrow().as_ref().is_some_and(|present| present.is(&connection)) {
            self.context.enter(Site::Connection, format!("{} finds its connection gone", self.name));
            self.context.client_log.leaves(&self.name, self.context.now());
            *self.connection.borrow_mut() = None;
            self.context.client_log.disconnected(&self.name, self.context.now());
            self.forget_pending();
        }
    }

    fn answered(&self, id: u64, response: Value) {
        let Some((request, name)) = self.pending.borrow_mut().remove(&id) else {
            return self.context.client_log.answered_again(&self.name);
        };
        if let Some(name) = name {
            self.settle(&name, &response);
        }
        self.context.client_log.answered(&self.name, request, response, self.context.now());
    }

    /// Resolves the name that was reserved for the session in this answer.
    fn settle(&self, name: &str, response: &Value) {
        self.received.borrow_mut().named(response);
        self.context.names.release(&self.name, name);
        match wire::ids(response) {
            Some(ids) => self.context.names.resolve(name, Named::Known(ids)),
            None => self.fail(name),
        }
    }

    /// Marks the names of unanswered requests as failed, except those that an earlier answer has resolved.
    fn forget_pending(&self) {
        let unanswered: Vec<_> = self.pending.take().into_values().collect();
        for name in unanswered.iter().filter_map(|(_, name)| name.as_deref()) {
            self.fail(name);
        }
        *self.unanswered.borrow_mut() = unanswered;
    }

    fn fail(&self, name: &str) {
        if self.context.names.resolution(name).is_none() {
            self.context.names.resolve(name, Named::Failed);
        }
    }
}

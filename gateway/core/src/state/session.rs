//! The handle through which tasks read and change a live session.
//!
//! Beside the [`Record`] it keeps what is no data: the agent, the links, and the channels through which an interrupt, an
//! answer or a cancelled timer reaches the task that waits for it ([`Handles`]).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::agent::{Agent, Interrupt};
use crate::clock::Now;
use crate::ids::{ConnectionId, SessionId};
use crate::observe::{Observe, Resource, SessionEvent};
use crate::record::{AgentState, OpenQuestion, Record, Resolution, Timer, TurnState};
use crate::rpc;
use crate::state::event_log::EventLog;
use crate::state::index::{IndexKeys, SessionIndex};
use crate::state::link::Link;

/// A handle on a live session. Clones share the record; a task keeps one and reads the record again after every await.
#[derive(Clone)]
pub struct Session(Rc<Inner>);

struct Inner {
    /// Which session it is, in the order of registration.
    number: u64,
    id: SessionId,
    record: RefCell<Record>,
    handles: RefCell<Handles>,
    /// Its last events, if the release keeps them. Not in the record: an event is no change of the lifecycle.
    events: RefCell<Option<EventLog>>,
    /// Notified after each change of the record.
    changed: Notify,
    /// Whether it is registered. Events of a session that has left the registry are dropped.
    listed: Cell<bool>,
    /// Where it is looked up while it is registered.
    index: Rc<SessionIndex>,
    observe: Observe,
}

/// What belongs to a record and is no data. Each handle is dropped in the step in which the record stops naming it.
#[derive(Default)]
pub(crate) struct Handles {
    /// The agent of [`AgentState::Ready`].
    agent: Option<Rc<dyn Agent>>,
    /// The interrupt of the turn that holds the session.
    interrupt: Option<Rc<Interrupt>>,
    /// Where the answer to the open question goes.
    answer: Option<oneshot::Sender<String>>,
    /// The armed timers, by their ids. A timer's task ends when its sender is dropped.
    timers: Vec<(u64, oneshot::Sender<()>)>,
    /// The links that the record names, and some that it has named.
    links: Vec<Link>,
}

impl Session {
    /// A handle on a new record. `agent` is the agent of a record whose agent is ready.
    pub(crate) fn new(
        number: u64,
        id: SessionId,
        record: Record,
        agent: Option<Rc<dyn Agent>>,
        events: Option<EventLog>,
        index: Rc<SessionIndex>,
        observe: Observe,
    ) -> Self {
        let handles = Handles { agent, ..Handles::default() };
        debug_assert!(handles.fit(&record));
        Self(Rc::new(Inner {
            number,
            id,
            record: RefCell::new(record),
            handles: RefCell::new(handles),
            events: RefCell::new(events),
            changed: Notify::new(),
            listed: Cell::new(true),
            index,
            observe,
        }))
    }

    /// Its runtime id, which clients pass as `session_id`.
    pub fn id(&self) -> &SessionId {
        &self.0.id
    }

    /// Which session it is, in the order of registration.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Reads the record, and reports the access to the observer.
    pub fn read<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        self.0.observe.read(Resource::Record(&self.0.id));
        read(&self.0.record.borrow())
    }

    /// Changes the record, and wakes the tasks that wait for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        self.change_with(|record, _| change(record))
    }

    /// Changes the record together with the handles beside it, and wakes the tasks that wait for a change.
    pub(crate) fn change_with<T>(&self, change: impl FnOnce(&mut Record, &mut Handles) -> T) -> T {
        let Inner { number, id, record, handles, changed, listed, index, observe, .. } = &*self.0;
        observe.write(Resource::Record(id));
        index.touch();
        let before = listed.get().then(|| self.read(IndexKeys::of));
        let result = change(&mut record.borrow_mut(), &mut handles.borrow_mut());
        debug_assert!(handles.borrow().fit(&record.borrow()), "the handles of session {id} fit its record");
        if let Some(before) = before {
            let after = self.read(IndexKeys::of);
            if before != after {
                observe.write(Resource::Index);
            }
            index.follow(*number, &before, &after);
        }
        changed.notify_waiters();
        result
    }

    /// Reports an event to the observer. It counts as a change of the record: the tasks that wait for one run again, so
    /// the order of steps does not depend on whether the record holds the fact.
    pub(crate) fn report(&self, event: SessionEvent<'_>) {
        let Inner { id, changed, index, observe, .. } = &*self.0;
        observe.write(Resource::Record(id));
        index.touch();
        observe.event(id, event);
        changed.notify_waiters();
    }

    /// Waits until `look` returns something for the record. Cancel safe.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Record) -> Option<T>) -> T {
        loop {
            // Made before the look: a change between the two is not missed.
            let changed = self.0.changed.notified();
            if let Some(seen) = self.read(&mut look) {
                return seen;
            }
            changed.await;
        }
    }

    /// The agent, if it is ready.
    pub(crate) fn agent(&self) -> Option<Rc<dyn Agent>> {
        self.0.observe.read(Resource::Record(&self.0.id));
        self.0.handles.borrow().agent.clone()
    }

    /// Asks the turn that holds the session to stop. It is no change that tasks wait for.
    pub(crate) fn interrupt(&self) {
        self.0.observe.write(Resource::Record(&self.0.id));
        self.0.index.touch();
        self.0.handles.borrow().interrupt(&mut self.0.record.borrow_mut());
    }

    /// The interrupt of the turn that holds the session now.
    pub(crate) fn turn_interrupt(&self) -> Option<Rc<Interrupt>> {
        self.0.observe.read(Resource::Record(&self.0.id));
        self.0.handles.borrow().turn_interrupt()
    }

    /// It has left the registry.
    pub(crate) fn unlist(&self) {
        self.0.observe.write(Resource::Record(&self.0.id));
        self.0.listed.set(false);
    }

    /// The agent compresses the conversation from here on, and the clients learn of it.
    pub(crate) fn begin_compression(&self) {
        self.change(|record| record.note_compressing(true));
        self.emit("status.update", json!({"kind": "compressing", "text": "compressing the conversation"}));
    }

    /// Sends an event to the clients that hear the session, and keeps it for clients that come back, if the release does.
    pub(crate) fn emit(&self, kind: &str, payload: Value) {
        self.0.observe.read(Resource::Record(&self.0.id));
        if !self.0.listed.get() {
            return;
        }
        self.0.observe.write(Resource::Events(&self.0.id));
        let params = rpc::event(kind, &self.0.id, payload);
        let params = match &mut *self.0.events.borrow_mut() {
            Some(events) => events.keep(params),
            None => params.to_string(),
        };
        let handles = self.0.handles.borrow();
        self.read(|record| {
            for link in record.hearers().filter_map(|to| handles.link(to)) {
                // The reader of a dead connection detaches the session when it finds the end.
                let _ = link.send(rpc::event_frame(&params));
            }
        });
    }

    /// Emits how a question was resolved. Clients that it was sent to and that hear the session no more receive the event as
    /// well, without a number: the numbers say what a client has missed, and such a client has missed others.
    pub(crate) fn emit_resolved(&self, id: &str) {
        let resolved = self.read(|record| record.questions.resolved(id).cloned());
        let Some(resolved) = resolved.filter(|_| self.0.listed.get()) else { return };
        let (kind, how) = (resolved.question.kind.name(), resolved.resolution.name());
        let payload = json!({"request_id": id, "kind": kind, "resolution": how});
        self.emit("question.resolved", payload.clone());
        let frame = rpc::event_frame(&rpc::event("question.resolved", &self.0.id, payload).to_string());
        let handles = self.0.handles.borrow();
        self.read(|record| {
            let left = resolved.question.shown.iter().filter(|shown| !record.is_heard_by(shown));
            for link in left.filter_map(|shown| handles.link(shown)) {
                let _ = link.send(frame.clone());
            }
        });
    }

    /// Emits the event of the open question again, if there is one, for a client that has attached meanwhile.
    pub(crate) fn emit_question(&self) {
        let asked = self.read(|record| record.question.as_ref().map(|asked| (asked.event(), asked.payload.clone())));
        if let Some((event, payload)) = asked {
            self.emit(event, payload);
        }
    }

    /// Looks at the events that are kept; `None` where the release keeps none.
    pub(crate) fn events<T>(&self, look: impl FnOnce(&EventLog) -> T) -> Option<T> {
        self.0.observe.read(Resource::Events(&self.0.id));
        self.0.events.borrow().as_ref().map(look)
    }

    /// Whether both handles are on one record.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Handles {
    /// The agent is ready.
    pub(crate) fn set_agent(&mut self, record: &mut Record, agent: Rc<dyn Agent>) {
        record.agent.state = AgentState::Ready;
        self.agent = Some(agent);
    }

    /// The agent is discarded, if there is one.
    pub(crate) fn discard_agent(&mut self, record: &mut Record) {
        record.agent.state = AgentState::Unbuilt;
        self.agent = None;
    }

    /// A turn holds the session from here on. The interrupt asks it to stop.
    pub(crate) fn claim(&mut self, record: &mut Record, user: &str, now: Now) -> Rc<Interrupt> {
        let turn = record.claim(user, now);
        let interrupt = Rc::new(Interrupt::default());
        if turn.interrupted {
            interrupt.raise();
        }
        self.interrupt = Some(Rc::clone(&interrupt));
        interrupt
    }

    /// The session is free. Returns the turn that has held it.
    pub(crate) fn free(&mut self, record: &mut Record) -> Option<TurnState> {
        self.interrupt = None;
        record.turn.take()
    }

    /// The interrupt of the turn that holds the session.
    pub(crate) fn turn_interrupt(&self) -> Option<Rc<Interrupt>> {
        self.interrupt.clone()
    }

    /// Asks the turn that holds the session to stop.
    pub(crate) fn interrupt(&self, record: &mut Record) {
        if let (Some(turn), Some(interrupt)) = (&mut record.turn, &self.interrupt) {
            turn.interrupted = true;
            interrupt.raise();
        }
    }

    /// The turn forgets that it was asked to stop, and is asked through another interrupt from here on.
    pub(crate) fn forget_interrupt(&mut self, record: &mut Record) -> Rc<Interrupt> {
        let interrupt = Rc::new(Interrupt::default());
        if let Some(turn) = &mut record.turn {
            turn.interrupted = false;
            self.interrupt = Some(Rc::clone(&interrupt));
        }
        interrupt
    }

    /// Returns the receiver of the answer to the question that is open from here on. It fails when the question is
    /// withdrawn.
    pub(crate) fn ask(&mut self) -> oneshot::Receiver<String> {
        let (answer, answered) = oneshot::channel();
        self.answer = Some(answer);
        answered
    }

    /// Takes the open question out if it `matches`, and returns where its answer goes. Dropping that withdraws the
    /// question.
    pub(crate) fn take_question(
        &mut self,
        record: &mut Record,
        resolution: Resolution,
        matches: impl FnOnce(&OpenQuestion) -> bool,
    ) -> Option<oneshot::Sender<String>> {
        let question = record.question.take_if(|question| matches(question))?;
        record.questions.resolve(question, resolution);
        self.answer.take()
    }

    /// Arms an orphan timer. Returns what completes when it is cancelled.
    pub(crate) fn arm(&mut self, record: &mut Record, timer: Timer) -> oneshot::Receiver<()> {
        record.timers.push(timer);
        self.add_timer(timer)
    }

    /// Arms the idle timer. Returns what completes when it is cancelled.
    pub(crate) fn arm_idle(&mut self, record: &mut Record, timer: Timer) -> oneshot::Receiver<()> {
        self.cancel_idle(record);
        record.idle_timer = Some(timer);
        self.add_timer(timer)
    }

    /// Cancels all orphan timers.
    pub(crate) fn cancel_timers(&mut self, record: &mut Record) {
        for timer in record.timers.drain(..) {
            self.drop_timer(timer);
        }
    }

    /// Cancels the idle timer.
    pub(crate) fn cancel_idle(&mut self, record: &mut Record) {
        if let Some(timer) = record.idle_timer.take() {
            self.drop_timer(timer);
        }
    }

    /// An orphan timer fires: takes it out. False if it was cancelled while its task was waking up.
    pub(crate) fn fire(&mut self, record: &mut Record, id: u64) -> bool {
        let armed = record.timers.iter().position(|timer| timer.id == id);
        armed.map(|place| record.timers.remove(place)).map(|timer| self.drop_timer(timer)).is_some()
    }

    /// The record names the link's connection: the link is kept as long as it does.
    pub(crate) fn keep(&mut self, record: &Record, link: &Link) {
        self.links.retain(|kept| record.connections().any(|named| *named == kept.id));
        if self.link(&link.id).is_none() {
            self.links.push(link.clone());
        }
    }

    fn link(&self, id: &ConnectionId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == *id)
    }

    fn add_timer(&mut self, timer: Timer) -> oneshot::Receiver<()> {
        let (cancel, cancelled) = oneshot::channel();
        self.timers.push((timer.id, cancel));
        cancelled
    }

    fn drop_timer(&mut self, timer: Timer) {
        self.timers.retain(|(id, _)| *id != timer.id);
    }

    /// Whether there is a handle for all that the record names and no other, links apart.
    fn fit(&self, record: &Record) -> bool {
        let timers = record.timers.iter().chain(&record.idle_timer);
        self.agent.is_some() == (record.agent.state == AgentState::Ready)
            && self.answer.is_some() == record.question.is_some()
            && self.interrupt.is_some() == record.turn.is_some()
            && self.timers.len() == timers.clone().count()
            && timers.clone().all(|timer| self.timers.iter().any(|(id, _)| *id == timer.id))
            && record.connections().all(|named| self.link(named).is_some())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;
    use crate::agent::QuestionKind;
    use crate::clock::{Uptime, Wall};
    use crate::state::registry::Registry;
    use crate::store::StoredId;

    const NOW: Now = Now { uptime: Uptime(0), wall: Wall(0) };

    fn session() -> Session {
        let record = Record::new(StoredId::new("row"), "tui", NOW);
        Registry::default().register(SessionId::from_bits(1), record, None, None)
    }

    /// A timer's task learns that its timer is cancelled, and only that of its own.
    #[test]
    fn a_cancelled_timer_ends_its_task() {
        let session = session();
        let arm = |id| {
            move |record: &mut Record, handles: &mut Handles| handles.arm(record, Timer { id, deadline: Uptime(9) })
        };
        let (mut first, mut second) = (session.change_with(arm(1)), session.change_with(arm(2)));
        assert!(session.change_with(|record, handles| handles.fire(record, 1)));
        assert_eq!((first.try_recv(), second.try_recv()), (Err(TryRecvError::Closed), Err(TryRecvError::Empty)));
        assert!(!session.change_with(|record, handles| handles.fire(record, 1)), "it fires once");
        session.change_with(|record, handles| handles.cancel_timers(record));
        assert_eq!(second.try_recv(), Err(TryRecvError::Closed));
    }

    /// A question is answered once, by an answer that names it; one that is withdrawn has none.
    #[test]
    fn a_question_has_one_answer() {
        let session = session();
        let ask = |id: &str| {
            let (id, kind, payload, shown) = (id.to_owned(), QuestionKind::Clarify, Value::Null, Vec::new());
            session.change_with(|record, handles| {
                record.ask(OpenQuestion { id, kind, payload, shown }, false);
                handles.ask()
            })
        };
        let take = |id: &str| {
            let is_it = |open: &OpenQuestion| open.id == id;
            session.change_with(|record, handles| handles.take_question(record, Resolution::Answered, is_it))
        };
        let mut answered = ask("one");
        assert!(take("two").is_none());
        take("one").expect("the open question").send("yes".to_owned()).expect("its asker waits");
        assert_eq!((answered.try_recv(), take("one").is_none()), (Ok("yes".to_owned()), true));
        let mut withdrawn = ask("three");
        drop(take("three"));
        assert_eq!(withdrawn.try_recv(), Err(TryRecvError::Closed));
    }

    /// An interrupt reaches the turn that holds the session, and shows in the record; a free session ignores it.
    #[test]
    fn an_interrupt_reaches_the_turn() {
        let session = session();
        session.interrupt();
        let interrupt = session.change_with(|record, handles| handles.claim(record, "hello", NOW));
        assert!(!interrupt.is_raised());
        session.interrupt();
        let is_noted = session.read(|record| record.turn.as_ref().is_some_and(|turn| turn.interrupted));
        assert!(interrupt.is_raised() && is_noted);
        let fresh = session.change_with(|record, handles| handles.forget_interrupt(record));
        assert!(!fresh.is_raised() && session.read(|record| !record.turn.as_ref().unwrap().interrupted));
    }
}

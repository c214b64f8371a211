//! What every part of a run shares: the clock, the choices, the tasks, the trace and the logs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use gateway_core::clock::{Clock, Millis, Uptime};
use gateway_core::spawn::Window;
use interleaving::TaskInfo;
use sim_scenario::{Latency, Step};

use super::agent_log::AgentLog;
use super::client_log::ClientLog;
use super::clock::VirtualClock;
use super::names::Names;
use crate::footprint::{Footprints, Resource, SharedFootprints};
use crate::history::Position;
use crate::story::Skipped;
use crate::task::{AnyTask, Pool, Role, TaskTag};
use crate::trace::{Instant, PlayedStep, Site, StepEffect, Trace};

/// Where the choices of a run are made.
pub(crate) type Chooser = interleaving::Chooser<Resource>;

/// Whether latencies are chosen and faults injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultInjection {
    /// While the script acts.
    On,
    /// In the heal phase, where every latency is its minimum.
    Off,
}

/// What every part of a run shares.
pub(crate) struct SimContext {
    pub(crate) clock: VirtualClock,
    pub(crate) chooser: Rc<Chooser>,
    faults: Cell<FaultInjection>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) names: Names,
    pub(crate) client_log: ClientLog,
    pub(crate) agent_log: AgentLog,
    pub(crate) footprints: SharedFootprints,
    /// The task of trace entries that no task makes.
    simulator: AnyTask,
    trace: RefCell<Trace>,
    /// The instants at which tasks ran, heal phase excluded.
    instants: RefCell<Vec<Instant>>,
    /// The number of choices after the last event.
    chosen: Cell<usize>,
    /// The steps of the script that are over.
    played: RefCell<Vec<PlayedStep>>,
    /// The steps that were skipped, in order of time.
    skipped: RefCell<Vec<Skipped>>,
    /// The race windows that a task passed.
    passed: RefCell<BTreeSet<Window>>,
    /// Compares an answer with the state at its instant; none until the process exists.
    answer_check: RefCell<Option<AnswerCheck>>,
}

/// Compares the answer to a request of a client, a frame, with the state.
type AnswerCheck = Rc<dyn Fn(&str, &str)>;

impl SimContext {
    pub(super) fn new(chooser: Chooser) -> Rc<Self> {
        let footprints = Rc::new(Footprints::new(chooser.wants_footprints()));
        let chooser = Rc::new(chooser);
        let simulator = TaskTag::alone(Role::Simulator);
        Rc::new(Self {
            clock: VirtualClock::new(),
            pool: Rc::new(Pool::new(Rc::clone(&chooser), Rc::clone(&footprints))),
            chooser,
            faults: Cell::new(FaultInjection::On),
            simulator: Rc::new(TaskInfo { label: simulator.to_string().into(), tag: simulator }),
            names: Names::new(Rc::clone(&footprints)),
            client_log: ClientLog::new(Rc::clone(&footprints)),
            agent_log: AgentLog::default(),
            footprints,
            trace: RefCell::default(),
            instants: RefCell::default(),
            chosen: Cell::default(),
            played: RefCell::default(),
            skipped: RefCell::default(),
            passed: RefCell::default(),
            answer_check: RefCell::default(),
        })
    }

    /// The virtual uptime of this instant.
    pub(crate) fn now(&self) -> Uptime {
        self.clock.now().uptime
    }

    /// The task that runs or ran last; the simulator itself once none is ready.
    pub(super) fn current(&self) -> AnyTask {
        self.pool.current().unwrap_or_else(|| Rc::clone(&self.simulator))
    }

    /// The gateway's tasks that have not returned, oldest first.
    pub(crate) fn gateway_tasks(&self) -> Vec<AnyTask> {
        let mut tasks = self.pool.tasks();
        tasks.retain(|task| task.tag.role.is_gateway());
        tasks
    }

    /// Whether latencies are chosen and faults injected now.
    pub(crate) fn faults(&self) -> FaultInjection {
        self.faults.get()
    }

    /// Begins the heal phase: no more faults, and every latency is its minimum.
    pub(crate) fn heal(&self) {
        self.faults.set(FaultInjection::Off);
    }

    /// Adds an entry to the trace, under the task that runs.
    pub(crate) fn enter(&self, site: Site, text: String) {
        self.trace.borrow_mut().enter(self.now(), self.current(), site, text);
    }

    /// Records that a step was carried out.
    pub(crate) fn carried_out(&self, step: &Step) {
        self.played(step, StepEffect::CarriedOut);
    }

    /// Records that a step was not carried out. Not an event: a run that does not name its skips is the same.
    pub(crate) fn skipped(&self, step: &Step, why: String) {
        self.played(step, StepEffect::Skipped);
        self.skipped.borrow_mut().push(Skipped {
            line: Some(step.line),
            at_ms: Some(self.now().0),
            part: step.action.word().to_owned(),
            why,
            on_skip: step.on_skip,
        });
    }

    fn played(&self, step: &Step, effect: StepEffect) {
        let entries = self.trace.borrow().entries().len();
        let played = PlayedStep { at: self.now(), line: step.line, word: step.action.word(), entries, effect };
        self.played.borrow_mut().push(played);
    }

    pub(crate) fn take_skipped(&self) -> Vec<Skipped> {
        self.skipped.take()
    }

    /// Records that a task passed a race window.
    pub(crate) fn passed(&self, window: Window) {
        self.passed.borrow_mut().insert(window);
    }

    /// Whether a task has passed the race window.
    pub(crate) fn has_passed(&self, window: Window) -> bool {
        self.passed.borrow().contains(&window)
    }

    /// Sets the function that compares answers with the state.
    pub(crate) fn checks_answers_by(&self, check: AnswerCheck) {
        *self.answer_check.borrow_mut() = Some(check);
    }

    /// Compares the answer to a request of a client with the state at this instant.
    pub(crate) fn check_answer(&self, client: &str, frame: &str) {
        let check = self.answer_check.borrow().clone();
        if let Some(check) = check {
            self.footprints.aside(|| check(client, frame));
        }
    }

    pub(crate) fn take_played(&self) -> Vec<PlayedStep> {
        self.played.take()
    }

    /// Counts an event: a task was polled.
    pub(crate) fn count_event(&self) {
        let now = self.now();
        self.trace.borrow_mut().event(now, &self.current().label);
        let before = self.chosen.replace(self.chooser.choices());
        if self.faults() == FaultInjection::Off {
            return;
        }
        let mut instants = self.instants.borrow_mut();
        match instants.last_mut().filter(|last| last.at == now) {
            Some(instant) => instant.events += 1,
            None => instants.push(Instant { at: now, choices: before, events: 1 }),
        }
    }

    /// The instants at which tasks ran before the heal phase.
    pub(crate) fn take_instants(&self) -> Vec<Instant> {
        self.instants.take()
    }

    /// Ends the event of the polled task: hands its footprint to the strategy.
    pub(crate) fn ran(&self) {
        // Claims that read what the event changed have also read which turns run.
        if self.footprints.is_enabled() && self.footprints.changes_observed() {
            self.footprints.observe(Resource::Turns);
        }
        self.pool.conclude();
    }

    /// The number of events so far.
    pub(crate) fn events(&self) -> u64 {
        self.trace.borrow().events()
    }

    /// The position of the run now.
    pub(crate) fn position(&self) -> Position {
        Position { at: self.now(), entries: self.trace.borrow().entries().len(), task: self.current() }
    }

    /// The trace so far, leaving an empty one.
    pub(crate) fn take_trace(&self) -> Trace {
        self.trace.take()
    }

    /// Chooses a latency of a range: its minimum, its middle or its maximum. In the heal phase always the minimum.
    pub(crate) fn latency(&self, site: &str, range: Latency) -> Millis {
        if range.min == range.max || self.faults() == FaultInjection::Off {
            return range.min;
        }
        let mut lengths = vec![range.min, Millis(range.min.0.midpoint(range.max.0)), range.max];
        lengths.dedup();
        let labels: Vec<String> = lengths.iter().map(Millis::to_string).collect();
        lengths[self.chooser.choose(site, &labels.iter().map(String::as_str).collect::<Vec<_>>())]
    }
}

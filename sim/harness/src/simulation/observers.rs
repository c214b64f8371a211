//! Records and judges the state of a run after each event.
//!
//! Observing is neither an event nor a choice: a run is the same with and without its observers.

use std::borrow::Cow;

use gateway_core::Gateway;
use gateway_core::clock::Uptime;
use gateway_core::state::Session;
use sim_scenario::Scenario;

use crate::claim::{Clients, Lives, ProcessState, StoreState, View, turns};
use crate::coverage::{Milestone, Observer};
use crate::history::Historian;
use crate::oracle::Oracle;
use crate::rows::RowSet;
use crate::task::AnyTask;
use crate::world::World;
use crate::world::client_log::ClientEvent;
use crate::world::process::{Process, ProcessEnd};

/// The observers of one run.
pub(super) struct Observers<'a> {
    /// The scenario, with the settings of the process that is up or was up last.
    pub(super) scenario: Cow<'a, Scenario>,
    pub(super) oracle: Oracle,
    pub(super) coverage: Observer,
    pub(super) historian: Historian,
    /// Every session that was ever registered, in the order of registration.
    pub(super) known: Vec<Session>,
    /// When each of them was live.
    lives: Lives,
    store: StoreState,
    /// How many sessions of `known` are of earlier processes.
    inherited: usize,
    observed: Revisions,
}

/// Counters of changes. While none of them changes, the claims have the same results.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Revisions {
    process: u64,
    registry: u64,
    store: u64,
    clients: u64,
    network: u64,
}

/// The parts of a view that the observers do not hold.
struct Observed<'a> {
    world: &'a World,
    process: &'a Process,
    gateway: Option<&'a Gateway>,
    live: &'a [Session],
    tasks: &'a [AnyTask],
    events: &'a [ClientEvent],
}

impl<'a> Observers<'a> {
    /// Observers for the start of a run, when the first process is up.
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario: Cow::Borrowed(scenario),
            oracle: Oracle::new(scenario),
            coverage: Observer::default(),
            historian: Historian::default(),
            known: Vec::new(),
            lives: Lives::default(),
            store: StoreState::new(scenario),
            inherited: 0,
            observed: Revisions { process: 1, registry: 0, store: 0, clients: 0, network: 0 },
        }
    }

    /// Call after each event.
    pub(super) fn observe(&mut self, world: &World, process: &Process) {
        let gateway = process.gateway();
        let revisions = Revisions {
            process: process.generation(),
            registry: gateway.as_ref().map_or(0, |gateway| gateway.sessions.revision()),
            store: world.store.revision(),
            clients: world.context.client_log.revision(),
            network: world.network.revision(),
        };
        if revisions != self.observed {
            if revisions.process != self.observed.process {
                self.note_process(process);
            }
            self.observed = revisions;
            self.observe_state(world, process, gateway.as_deref());
        }
        if world.context.client_log.has_events() {
            self.observe_events(world, process, gateway.as_deref());
        }
        self.note_violations(world);
    }

    /// Call after the last event of an instant.
    pub(super) fn judge(&mut self, world: &World) {
        self.oracle.judge_due(world.context.now());
        self.note_violations(world);
    }

    /// Call at the end of the run, after the last event.
    pub(super) fn rest(&mut self, world: &World, process: &Process, tasks: &[AnyTask], tables: &RowSet) {
        let gateway = process.gateway();
        let live = live(gateway.as_deref());
        let observed = Observed { world, process, gateway: gateway.as_deref(), live: &live, tasks, events: &[] };
        self.view(&observed, |oracle, now, view| oracle.judge_at_rest(now, view, tables));
        self.note_violations(world);
    }

    fn note_process(&mut self, process: &Process) {
        self.coverage.reach(&match (process.is_up(), process.last_end()) {
            (true, _) => Milestone::Restarted,
            (false, ProcessEnd::Killed) => Milestone::Killed { working: self.coverage.working() },
            (false, ProcessEnd::Signalled) => Milestone::Ended,
            (false, ProcessEnd::CutShort(_)) => Milestone::CutShort,
        });
        if process.is_up() {
            self.note_settings(process);
            self.inherited = self.known.len();
        }
    }

    /// The new process may have other settings, which the claims take from the scenario.
    fn note_settings(&mut self, process: &Process) {
        let settings = process.settings();
        let Some((_, present)) = settings.last().filter(|(_, present)| *present != self.scenario.gateway) else {
            return;
        };
        self.scenario.to_mut().gateway = present.clone();
        self.oracle.bound_by(&self.scenario);
    }

    /// Judges the claims about the state. Call after a change of sessions, rows or client logs.
    fn observe_state(&mut self, world: &World, process: &Process, gateway: Option<&Gateway>) {
        self.store.broken_at = world.store.broken_at();
        self.store.power_losses = world.store.power_losses();
        self.store.count(world.store.injected_faults(), world.store.waited(), world.context.now());
        let live = live(gateway);
        self.register(&live);
        let ends = world.store.mirror().row_ends().len();
        let over = self.lives.observe(&self.known, &live, gateway.is_some(), ends, world.context.now());
        for session in &live {
            let is_asked = session.read(|record| record.turn.as_ref().is_some_and(|turn| turn.interrupted));
            let log = &world.context.agent_log;
            // Hardly any turn is asked to stop, and this is done after each event.
            if is_asked || log.has_stopping() {
                log.ask_to_stop(&world.context.names.label(session.id()), is_asked, world.context.now());
            }
        }
        let position = world.context.position();
        let mirror = world.store.mirror();
        self.historian.observe(&position, mirror.rows());
        self.coverage.observe(&self.known, &mirror, &position, &mut self.historian);
        over.into_iter().for_each(|place| self.historian.departure(&position, place));
        drop(mirror);
        let tasks = world.context.gateway_tasks();
        let observed = Observed { world, process, gateway, live: &live, tasks: &tasks, events: &[] };
        self.view(&observed, |oracle, now, view| oracle.judge_state(now, view));
        if self.oracle.take_ended() {
            world.context.footprints.observer_changed();
        }
    }

    /// Judges the claims about received frames. The view has no turns.
    fn observe_events(&mut self, world: &World, process: &Process, gateway: Option<&Gateway>) {
        let events = world.context.client_log.take_events();
        let live = live(gateway);
        let grounds = events.iter().flat_map(|event| event.grounds(&live));
        grounds.for_each(|resource| world.context.footprints.observe(resource));
        let observed = Observed { world, process, gateway, live: &live, tasks: &[], events: &events };
        self.view(&observed, |oracle, now, view| oracle.judge_frames(now, view));
    }

    /// Adds the new live sessions to `known`. New sessions are at the end of `live`.
    fn register(&mut self, live: &[Session]) {
        let is_known = |session: &&Session| self.known.iter().rev().any(|known| known.is(session));
        let new = live.iter().rev().take_while(|session| !is_known(session)).count();
        self.known.extend_from_slice(&live[live.len() - new..]);
    }

    /// Builds the view of the run and passes it to the oracle.
    fn view(&mut self, observed: &Observed<'_>, judge: impl FnOnce(&mut Oracle, Uptime, &View<'_>)) {
        let Observed { world, process, gateway, live, tasks, events } = *observed;
        let now = world.context.now();
        let view = View {
            now,
            scenario: &self.scenario,
            process: ProcessState {
                up_since: process.since(),
                inherited: self.inherited,
                ended: (!process.is_up()).then(|| process.last_end()),
                signals: &process.signals(),
                settings: &process.settings(),
            },
            store: &self.store,
            clients: Clients {
                log: &world.context.client_log,
                events,
                stalled: &world.network.stalled(),
                reaches: &|connection| world.network.reaches_client(connection),
            },
            sessions: gateway.map(|gateway| &gateway.sessions),
            live,
            known: &self.known,
            lives: self.lives.all(),
            turns: &turns(tasks),
            rows: &world.store.mirror(),
            events: &world.session_events,
            agents: &world.context.agent_log,
            names: &world.context.names,
        };
        judge(&mut self.oracle, now, &view);
    }

    fn note_violations(&mut self, world: &World) {
        let violations = self.oracle.violations().len();
        if violations > 0 {
            self.historian.violations(&world.context.position(), violations);
        }
    }
}

/// The live sessions, oldest first; none while the gateway is down.
fn live(gateway: Option<&Gateway>) -> Vec<Session> {
    gateway.map(|gateway| gateway.sessions.all()).unwrap_or_default()
}

//! Records and judges the state of a run after each event.
//!
//! Observing is neither an event nor a choice: a run is the same with and without its observers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use gateway_core::Gateway;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::state::Session;
use gateway_core::store::StoredId;
use sim_scenario::Scenario;

use super::judging::Judging;
use crate::claim::bound::Bounds;
use crate::claim::{Changes, Clients, Lives, Places, ProcessState, StoreState, View, turns};
use crate::coverage::{Milestone, Observer};
use crate::history::Historian;
use crate::oracle::Oracle;
use crate::rows::RowSet;
use crate::task::AnyTask;
use crate::world::World;
use crate::world::client_log::ClientEvent;
use crate::world::mirror::{Changed, Mirror};
use crate::world::process::{Process, ProcessEnd};

/// The observers of one run.
pub(super) struct Observers<'a> {
    judging: Judging,
    /// The scenario, with the settings of the process that is up or was up last.
    pub(super) scenario: Cow<'a, Scenario>,
    bounds: Bounds,
    pub(super) oracle: Oracle,
    pub(super) coverage: Observer,
    pub(super) historian: Historian,
    /// Every session that was ever registered, in the order of registration.
    pub(super) known: Vec<Session>,
    /// When each of them was live.
    lives: Lives,
    places: Places,
    surroundings: Surroundings,
    /// The labels of the sessions for which a turn ran when they were judged last.
    running: BTreeSet<String>,
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

/// What claims about every session depend on, beside the sessions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Surroundings {
    network: u64,
    faults: u64,
    waited: Millis,
    broken_at: Option<Uptime>,
    signals: usize,
}

/// The parts of a view that the observers do not hold.
struct Observed<'a> {
    world: &'a World,
    process: &'a Process,
    gateway: Option<&'a Gateway>,
    live: &'a [Session],
    turns: &'a BTreeMap<&'a str, usize>,
    events: &'a [ClientEvent],
    changed: &'a BTreeSet<usize>,
    rows: &'a BTreeSet<StoredId>,
}

impl<'a> Observers<'a> {
    /// Observers for the start of a run, when the first process is up.
    pub(super) fn new(scenario: &'a Scenario, judging: Judging) -> Self {
        Self {
            judging,
            scenario: Cow::Borrowed(scenario),
            bounds: Bounds::of(scenario),
            oracle: Oracle::new(scenario),
            coverage: Observer::default(),
            historian: Historian::default(),
            known: Vec::new(),
            lives: Lives::default(),
            places: Places::default(),
            surroundings: Surroundings::default(),
            running: BTreeSet::new(),
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
            let is_other = revisions.process != self.observed.process;
            if is_other {
                self.note_process(process);
            }
            let scope = if is_other { Judging::Everything } else { self.judging };
            self.observed = revisions;
            self.observe_state(world, process, gateway.as_deref(), scope);
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
        let observed = Observed {
            world,
            process,
            gateway: gateway.as_deref(),
            live: &live,
            turns: &turns(tasks),
            events: &[],
            changed: &BTreeSet::new(),
            rows: &BTreeSet::new(),
        };
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
        self.bounds = Bounds::of(&self.scenario);
        self.oracle.bound_by(&self.scenario);
    }

    /// Judges the claims about the state. Call after a change of sessions, rows or client logs.
    fn observe_state(&mut self, world: &World, process: &Process, gateway: Option<&Gateway>, scope: Judging) {
        self.store.broken_at = world.store.broken_at();
        self.store.power_losses = world.store.power_losses();
        self.store.count(world.store.injected_faults(), world.store.waited(), world.context.now());
        let live = live(gateway);
        let new = self.register(world, &live);
        let ends = world.store.mirror().row_ends().len();
        let over = self.lives.observe(&self.known, &live, gateway.is_some(), ends, world.context.now());
        let position = world.context.position();
        let tasks = world.context.gateway_tasks();
        let turns = turns(&tasks);
        let mut changes = self.changes(world, process, &turns);
        let mirror = world.store.mirror();
        let mut changed = self.changed(world, &mirror, &changes);
        match scope {
            Judging::Everything => changed.extend(0..self.known.len()),
            Judging::Changed => changed.extend(over.iter().copied().chain(new)),
        }
        // What a session has changes with it.
        changes.rows.extend(changed.iter().flat_map(|place| self.places.rows_of(*place)).cloned());
        if scope == Judging::Everything || changes.concerns_all {
            changes.rows.extend(mirror.rows().iter().map(|row| row.id.clone()));
        }
        self.historian.observe(&position, &mirror, &changes.rows);
        let sessions = changed.iter().map(|place| (*place, &self.known[*place]));
        self.coverage.observe(sessions, &mirror, &position, &mut self.historian);
        over.iter().for_each(|place| self.historian.departure(&position, *place));
        drop(mirror);
        self.ask_to_stop(world, &changed);
        let observed = Observed {
            world,
            process,
            gateway,
            live: &live,
            turns: &turns,
            events: &[],
            changed: &changed,
            rows: &changes.rows,
        };
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
        let observed = Observed {
            world,
            process,
            gateway,
            live: &live,
            turns: &BTreeMap::new(),
            events: &events,
            changed: &BTreeSet::new(),
            rows: &BTreeSet::new(),
        };
        self.view(&observed, |oracle, now, view| oracle.judge_frames(now, view));
    }

    /// Adds the new live sessions to `known`. New sessions are at the end of `live`. Returns their places.
    fn register(&mut self, world: &World, live: &[Session]) -> Range<usize> {
        let before = self.known.len();
        let is_known = |session: &&Session| self.known.iter().rev().any(|known| known.is(session));
        let new = live.iter().rev().take_while(|session| !is_known(session)).count();
        for session in &live[live.len() - new..] {
            let (label, rows) = (world.context.names.label(session.id()), world.store.mirror());
            self.places.add(session, label, &world.context.client_log, &rows);
            self.known.push(session.clone());
        }
        before..self.known.len()
    }

    /// What has changed since the last call.
    fn changes(&mut self, world: &World, process: &Process, turns: &BTreeMap<&str, usize>) -> Changes {
        let surroundings = Surroundings {
            network: self.observed.network,
            faults: world.store.injected_faults(),
            waited: world.store.waited(),
            broken_at: world.store.broken_at(),
            signals: process.signals().len(),
        };
        let surrounds = std::mem::replace(&mut self.surroundings, surroundings) != surroundings;
        let (mut ids, concerns_all) = world.context.client_log.take_changed();
        let (mut touched, relinked) = world.session_events.take_changed();
        ids.append(&mut touched);
        let Changed { rows, renamed, deleted } = world.store.take_changed();
        // A request without an answer may mean any session whose row has its name.
        let renamed = renamed && world.context.client_log.connections().has_lost_requests();
        let mut labels = world.context.agent_log.take_changed();
        let running: BTreeSet<String> = turns.keys().map(|label| (*label).to_owned()).collect();
        labels.extend(running.symmetric_difference(&self.running).cloned());
        self.running = running;
        Changes { ids, labels, rows, concerns_all: surrounds || concerns_all || relinked || renamed || deleted }
    }

    /// The places of the sessions of which something has changed: all that are live, if that concerns them all.
    fn changed(&mut self, world: &World, rows: &Mirror, changes: &Changes) -> BTreeSet<usize> {
        let mut places = self.places.of(changes, &self.known, &world.context.client_log, rows);
        if changes.concerns_all {
            places.extend(self.lives.going_on());
        }
        places
    }

    /// Records which turns are asked to stop.
    fn ask_to_stop(&self, world: &World, changed: &BTreeSet<usize>) {
        let log = &world.context.agent_log;
        for place in changed.iter().filter(|place| self.lives.all()[**place].until.is_none()) {
            let session = &self.known[*place];
            let is_asked = session.read(|record| record.turn.as_ref().is_some_and(|turn| turn.interrupted));
            // Hardly any turn is asked to stop, and this is done after each event.
            if is_asked || log.has_stopping() {
                log.ask_to_stop(&world.context.names.label(session.id()), is_asked, world.context.now());
            }
        }
    }

    /// Builds the view of the run and passes it to the oracle.
    fn view(&mut self, observed: &Observed<'_>, judge: impl FnOnce(&mut Oracle, Uptime, &View<'_>)) {
        let Observed { world, process, gateway, live, turns, events, changed, rows } = *observed;
        let now = world.context.now();
        let view = View {
            now,
            scenario: &self.scenario,
            bounds: &self.bounds,
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
            live_places: self.lives.going_on(),
            places: &self.places,
            changed,
            changed_rows: rows,
            turns,
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

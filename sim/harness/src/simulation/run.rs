//! The phases of a run: the script with its faults, the heal phase, the checks at rest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::Gateway;
use gateway_core::behavior::Behavior;
use gateway_core::clock::Uptime;
use gateway_core::release::Release;
use interleaving::Progress;
use sim_scenario::{Scenario, Step};

use super::judging::Judging;
use super::observers::Observers;
use super::rest::leftovers;
use crate::claim::bound;
use crate::fact;
use crate::observation::{Memory, Observation};
use crate::report::{Outcome, Report};
use crate::rows::RowSet;
use crate::task::Role;
use crate::trace::Site;
use crate::world::World;
use crate::world::client::Client;
use crate::world::process::Process;

/// The largest number of events of a run. A scenario of an hour has a few hundred; a run beyond the limit is in a loop.
const EVENTS_MAX: u64 = 1_000_000;

/// A run in progress.
pub(super) struct Run<'a> {
    pub(super) world: World,
    pub(super) scenario: &'a Scenario,
    pub(super) release: Release,
    process: Rc<Process>,
    clients: Vec<Rc<Client>>,
    pub(super) observers: Observers<'a>,
    /// The last dump of the tables, and the store's revision at that time.
    tables: RefCell<Option<(u64, Rc<RowSet>)>>,
    /// The outcome and the detail of a run that ended early.
    pub(super) broken: Option<(Outcome, String)>,
}

impl<'a> Run<'a> {
    /// A run whose process is up and whose clients are about to start.
    pub(super) fn new(
        world: World,
        scenario: &'a Scenario,
        release: Release,
        behavior: Behavior,
        judging: Judging,
    ) -> Self {
        let process = Process::new(&world, scenario.gateway.clone(), behavior);
        let mut by_client: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
        for step in &scenario.steps {
            by_client.entry(&step.client).or_default().push(step.clone());
        }
        // In the order of their first step in the file, which is also the scripted order at one instant.
        let mut names: Vec<&str> = Vec::new();
        for step in &scenario.steps {
            if !names.contains(&step.client.as_str()) {
                names.push(&step.client);
            }
        }
        let steps = |name: &str| by_client.get(name).cloned().unwrap_or_default();
        let clients = names.into_iter().map(|name| Client::start(name, steps(name), &world, &process)).collect();
        Self {
            world,
            scenario,
            release,
            process,
            clients,
            observers: Observers::new(scenario, judging),
            tables: RefCell::default(),
            broken: None,
        }
    }

    /// Runs all phases. Observes rows and memory at each of the `instants` and at the end of the script's time.
    pub(super) async fn finish(mut self, instants: &[Uptime]) -> (Report, Vec<Observation>) {
        let end = Uptime(self.scenario.until.0);
        let mut all = fact::instants(self.scenario, self.release);
        let has_facts = !all.is_empty();
        all.extend(instants);
        all.push(end);
        if has_facts {
            all.sort_unstable();
            all.dedup();
        }
        let mut observations = Vec::new();
        for instant in all {
            self.advance(instant).await;
            observations.push(self.observe(instant));
        }
        self.heal(end).await;
        if self.broken.is_none() {
            self.world.context.chooser.finish();
            self.check_tape();
        }
        if self.broken.is_none() {
            self.rest();
        }
        if !has_facts {
            return (self.report(&observations), observations);
        }
        let asked = instants.iter().chain([&end]);
        let of = |at: &Uptime| observations.iter().find(|observation| observation.at == *at).cloned();
        let asked = asked.filter_map(of).collect();
        (self.report(&observations), asked)
    }

    /// Runs all events up to `until`, that instant included.
    async fn advance(&mut self, until: Uptime) {
        self.advance_while(until, |_| true).await;
    }

    /// Whether a turn runs.
    fn has_turns(&self) -> bool {
        self.world.context.gateway_tasks().iter().any(|task| task.tag.role.is_turn())
    }

    /// Runs all events up to `until` as long as `holds` says so, which is asked before the clock moves on.
    async fn advance_while(&mut self, until: Uptime, holds: impl Fn(&Self) -> bool) {
        while self.broken.is_none() {
            match self.world.context.pool.step() {
                Progress::Ran => {
                    self.world.context.count_event();
                    self.observers.observe(&self.world, &self.process);
                    self.world.context.ran();
                }
                Progress::Panicked { task, message } => {
                    self.broken = Some((Outcome::Panicked, format!("{task}: {message}")));
                }
                Progress::LeftOff => self.broken = Some((Outcome::Limit, "stopped by its strategy".to_owned())),
                Progress::Idle => {
                    // All events of this instant are over.
                    self.observers.judge(&self.world);
                    if !holds(self) {
                        break;
                    }
                    let next =
                        [self.world.context.clock.next(), self.observers.oracle.next_due()].into_iter().flatten().min();
                    match next.filter(|next| *next <= until) {
                        Some(next) => self.world.context.clock.jump(next).await,
                        None => break,
                    }
                }
            }
            if self.world.context.events() >= EVENTS_MAX {
                self.broken = Some((Outcome::Limit, format!("{EVENTS_MAX} events")));
            }
            self.check_tape();
        }
    }

    /// The heal phase: faults are switched off, turns go on to their end, clients leave, and time passes until no timer is armed. A
    /// client that left in the middle of a turn would be a fault that the script does not have.
    async fn heal(&mut self, end: Uptime) {
        if self.broken.is_some() {
            return;
        }
        self.world.context.clock.jump(end).await;
        self.world.context.heal();
        self.world.context.client_log.mended(end);
        self.world.context.pool.cancel(|task| task.tag.role == Role::Script);
        if self.has_turns() {
            self.world.context.enter(Site::Heal, "faults off, turns go on".to_owned());
            let patience = end + bound::turns(&self.observers.scenario);
            self.advance_while(patience, Self::has_turns).await;
            self.world.context.enter(Site::Heal, "clients leave".to_owned());
        } else {
            self.world.context.enter(Site::Heal, "faults off, clients leave".to_owned());
        }
        for client in &self.clients {
            client.leave();
        }
        self.world.network.close();
        let left = self.world.context.now();
        self.advance(left + bound::rest(&self.observers.scenario)).await;
    }

    /// Runs the checks at rest.
    fn rest(&mut self) {
        let tables = self.tables();
        let tasks = self.world.context.gateway_tasks();
        self.observers.rest(&self.world, &self.process, &tasks, &tables);
        let gateway = self.process.gateway();
        let left = leftovers(&tasks, gateway.as_deref(), &self.world.context.names, &self.observers.scenario);
        if !left.is_empty() {
            self.broken = Some((Outcome::NotAtRest, format!("left at rest: {}", left.join(", "))));
        }
    }

    fn check_tape(&mut self) {
        if let Some(divergence) = self.world.context.chooser.divergence() {
            self.broken = Some((Outcome::Nondeterministic, divergence.to_string()));
        }
    }

    fn observe(&self, at: Uptime) -> Observation {
        let tasks = self.world.context.gateway_tasks();
        let memory = |gateway: Rc<Gateway>| Memory::of(&gateway, &self.world.context.names, &tasks);
        let records = self.world.context.names.drawn_ids();
        Observation { at, rows: (*self.tables()).clone(), memory: self.process.gateway().map(memory), records }
    }

    /// The tables at present. They are read again only if the store's revision has changed.
    fn tables(&self) -> Rc<RowSet> {
        let revision = self.world.store.revision();
        let mut last = self.tables.borrow_mut();
        if let Some((read_at, tables)) = &*last
            && *read_at == revision
        {
            return Rc::clone(tables);
        }
        let dump = self.world.store.dump().expect("a database in memory can be read");
        let tables = Rc::new(RowSet { sessions: dump.sessions, messages: dump.messages, inputs: dump.inputs });
        *last = Some((revision, Rc::clone(&tables)));
        tables
    }
}

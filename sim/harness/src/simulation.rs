//! One run: a scenario under a release, from the first step to the last look at rest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::Gateway;
use gateway_core::agent::script::{OnInterrupt, TurnStep};
use gateway_core::behavior::Behavior;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::record::{Attachment, Record};
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use gateway_core::state::{Registry, Session};
use gateway_sqlite::Database;
use interleaving::strategy::{Fifo, Plan, Profile, READY, Strategy};
use interleaving::{Progress, Search};

use crate::coverage::{Moment, Observer};
use crate::footprint::Resource;
use crate::history::Historian;
use crate::invariant::{Bounds, Oracle, View, turns};
use crate::observation::{Memory, Observation};
use crate::report::{Live, Outcome, Report};
use crate::rows::Tables;
use crate::task::Role;
use crate::trace::Site;
use crate::world::client::Client;
use crate::world::kept::{Calls, Kept, KeptDatabase};
use crate::world::mirror::Mirror;
use crate::world::process::{End, Process};
use crate::world::told::News;
use crate::world::{Chooser, World};
use sim_scenario::{Action, Network, RequestStep, Scenario, Step};

/// How many events a run may have. A scenario of an hour has some hundreds; more than this is a loop.
const EVENTS_MAX: u64 = 1_000_000;

/// How much longer something may take for each fault of the store that struck: a write waits a second for another
/// process, and the gateway another before it tries again.
const STRIKE: Millis = Millis::from_secs(2);

/// How long the heal phase may last beyond the times of the gateway's settings. What goes on even then goes on for ever.
const HEAL_MAX: Millis = Millis::from_secs(86_400);

/// Runs scenarios, one after the other, on one database that is emptied in between.
pub struct Simulator {
    database: Kept,
}

impl Simulator {
    /// A simulator with a fresh database in memory.
    ///
    /// # Panics
    /// When SQLite cannot open a database in memory.
    pub fn new() -> Self {
        let database = Database::in_memory().expect("SQLite opens a database in memory");
        Self { database: KeptDatabase::new(database) }
    }

    /// Runs a scenario under a release, on the schedule that it means: its tape, or each choice the first.
    pub fn run(&mut self, scenario: &Scenario, release: Release) -> Report {
        self.run_with(scenario, release, Box::new(scenario.schedule(release)))
    }

    /// Runs a scenario under a release by a plan and a seed, after a scripted run where the plan needs its profile.
    pub fn run_planned(&mut self, scenario: &Scenario, release: Release, plan: Plan, seed: u64) -> Report {
        let profile = match plan.needs_profile() {
            true => Profile::of(&self.run_with(scenario, release, Box::new(Fifo)).tape),
            false => Profile::default(),
        };
        self.run_with(scenario, release, plan.strategy(seed, &profile))
    }

    /// The calls that the scripted run makes of the store: what a benchmark compares the run with.
    pub fn calls(&mut self, scenario: &Scenario, release: Release) -> Calls {
        self.database.borrow_mut().note_calls();
        self.run(scenario, release);
        self.database.borrow_mut().take_calls()
    }

    /// Runs a scenario under a release, with a strategy that makes the choices.
    ///
    /// # Panics
    /// When called inside a tokio runtime, or when the scenario has a behavior that does not exist (a scenario that
    /// was parsed has none).
    pub fn run_with(&mut self, scenario: &Scenario, release: Release, strategy: Box<dyn Strategy>) -> Report {
        self.observe(scenario, release, strategy, &[]).0
    }

    /// The same, with a look at rows and memory at each of the `instants` (which are in order and not after the end of
    /// the script's time) and at that end.
    ///
    /// # Panics
    /// As [`run_with`](Self::run_with).
    pub fn observe(
        &mut self,
        scenario: &Scenario,
        release: Release,
        strategy: Box<dyn Strategy>,
        instants: &[Uptime],
    ) -> (Report, Vec<Observation>) {
        self.play(scenario, release, Chooser::new(strategy), instants)
    }

    /// Runs a scenario under a release, along the path of a search through its schedules.
    ///
    /// # Panics
    /// As [`run_with`](Self::run_with).
    pub fn run_searched(&mut self, scenario: &Scenario, release: Release, search: &Search<Resource>) -> Report {
        self.play(scenario, release, Chooser::with_steps(search.strategy()), &[]).0
    }

    fn play(
        &mut self,
        scenario: &Scenario,
        release: Release,
        chooser: Chooser,
        instants: &[Uptime],
    ) -> (Report, Vec<Observation>) {
        let mut behavior = release.behavior();
        for (field, alternative) in &scenario.behavior {
            behavior.set(field, alternative).expect("a parsed scenario overrides fields that exist");
        }
        self.database.borrow_mut().reset().expect("a database in memory can be emptied");
        interleaving::block_on(async {
            let world = World::new(scenario, chooser, Rc::clone(&self.database));
            Run::new(world, scenario, release, behavior).finish(instants).await
        })
    }
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

/// What is looked at, beside what the run holds.
struct Seen<'a> {
    gateway: Option<&'a Gateway>,
    live: &'a [Session],
    turns: &'a BTreeMap<&'a str, usize>,
    rows: &'a Mirror,
    news: &'a [News],
}

/// What the invariants see. A macro, so that the run lends its parts and the oracle can be changed meanwhile.
macro_rules! view {
    ($run:ident, $seen:ident) => {
        View {
            now: $run.world.stage.now(),
            bounds: &$run.bounds,
            up_since: $run.process.since(),
            signalled: !$run.process.is_up() && $run.process.last_end() == End::Signalled,
            sessions: $seen.gateway.map(|gateway| &gateway.sessions),
            was_killed: $run.was_killed,
            stalled: &$run.world.network.stalled(),
            live: $seen.live,
            known: &$run.known,
            turns: $seen.turns,
            rows: $seen.rows,
            names: &$run.world.stage.names,
            told: &$run.world.stage.told,
            news: $seen.news,
        }
    };
}

struct Run<'a> {
    world: World,
    scenario: &'a Scenario,
    release: Release,
    process: Rc<Process>,
    clients: Vec<Rc<Client>>,
    bounds: Bounds,
    /// The slack of a store that does not fail.
    calm: Millis,
    oracle: Oracle,
    observer: Observer,
    historian: Historian,
    /// Every session that was ever live.
    known: Vec<Session>,
    /// The tables as they were read last, and the store's revision then.
    tables: RefCell<Option<(u64, Rc<Tables>)>>,
    /// What the oracle has seen: process generation, registry, store and account revisions.
    seen: (u64, u64, u64, u64),
    /// Whether a process was killed.
    was_killed: bool,
    /// Why the run ended early.
    broken: Option<(Outcome, String)>,
}

impl<'a> Run<'a> {
    fn new(world: World, scenario: &'a Scenario, release: Release, behavior: Behavior) -> Self {
        let process = Process::new(&world, scenario.gateway.clone(), behavior);
        let mut by_client: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
        for step in &scenario.steps {
            by_client.entry(&step.client).or_default().push(step.clone());
        }
        // In the order in which the file names them, which is also the scripted order at one instant.
        let mut names: Vec<&str> = Vec::new();
        for step in &scenario.steps {
            if !names.contains(&step.client.as_str()) {
                names.push(&step.client);
            }
        }
        let steps = |name: &str| by_client.get(name).cloned().unwrap_or_default();
        let clients = names.into_iter().map(|name| Client::start(name, steps(name), &world, &process)).collect();
        let bounds = bounds(scenario);
        Self {
            world,
            scenario,
            release,
            process,
            clients,
            calm: bounds.slack,
            bounds,
            oracle: Oracle::default(),
            observer: Observer::default(),
            historian: Historian::default(),
            known: Vec::new(),
            tables: RefCell::default(),
            seen: (1, 0, 0, 0),
            was_killed: false,
            broken: None,
        }
    }

    /// Hurt, then heal, then a last look.
    async fn finish(mut self, instants: &[Uptime]) -> (Report, Vec<Observation>) {
        let end = Uptime(self.scenario.until.0);
        let mut observations = Vec::new();
        for instant in instants.iter().copied().chain([end]) {
            self.advance(instant).await;
            observations.push(self.observe(instant));
        }
        self.heal(end).await;
        if self.broken.is_none() {
            self.world.stage.chooser.finish();
            self.look_at_tape();
        }
        if self.broken.is_none() {
            self.rest();
        }
        (self.report(&observations), observations)
    }

    fn observe(&self, at: Uptime) -> Observation {
        let tasks = self.world.stage.gateway_tasks();
        let look = |gateway: Rc<Gateway>| Memory::look(&gateway, &self.world.stage.names, &tasks);
        Observation { at, rows: (*self.tables()).clone(), memory: self.process.gateway().map(look) }
    }

    /// Runs on until nothing more happens up to and at `until`.
    async fn advance(&mut self, until: Uptime) {
        while self.broken.is_none() {
            match self.world.stage.pool.step() {
                Progress::Ran => {
                    self.world.stage.count_event();
                    self.look();
                    self.world.stage.ran();
                }
                Progress::Panicked { task, message } => {
                    self.broken = Some((Outcome::Panicked, format!("{task}: {message}")));
                }
                Progress::LeftOff => self.broken = Some((Outcome::Limit, "left off by its strategy".to_owned())),
                Progress::Idle => {
                    // All that happens at this instant has happened.
                    self.oracle.judge(self.world.stage.now());
                    self.note_violations();
                    let next = [self.world.stage.clock.next(), self.oracle.next()].into_iter().flatten().min();
                    match next.filter(|next| *next <= until) {
                        Some(next) => self.world.stage.clock.jump(next).await,
                        None => break,
                    }
                }
            }
            if self.world.stage.events() >= EVENTS_MAX {
                self.broken = Some((Outcome::Limit, format!("{EVENTS_MAX} events")));
            }
            self.look_at_tape();
        }
    }

    fn look_at_tape(&mut self) {
        if let Some(divergence) = self.world.stage.chooser.divergence() {
            self.broken = Some((Outcome::Nondeterministic, divergence.to_string()));
        }
    }

    /// Faults off, clients gone, and time until nothing is armed any more.
    async fn heal(&mut self, end: Uptime) {
        if self.broken.is_some() {
            return;
        }
        self.world.stage.clock.jump(end).await;
        self.world.stage.enter(Site::Heal, "faults off, clients leave".to_owned());
        self.world.stage.heal();
        self.world.stage.pool.cancel(|task| task.tag.role == Role::Script);
        for client in &self.clients {
            client.leave();
        }
        self.world.network.close();
        self.advance(end + heal_max(&self.scenario.gateway)).await;
    }

    /// At rest nothing may be left that nobody owns.
    fn rest(&mut self) {
        let tables = self.tables();
        let (now, mirror, gateway) = (self.world.stage.now(), self.world.store.mirror(), self.process.gateway());
        let tasks = self.world.stage.gateway_tasks();
        let live = live_of(gateway.as_deref());
        let turns = turns(&tasks);
        let seen = Seen { gateway: gateway.as_deref(), live: &live, turns: &turns, rows: &mirror, news: &[] };
        self.oracle.rest(now, &view!(self, seen), &tables);
        drop(mirror);
        self.note_violations();
        let mut left: Vec<String> = tasks.iter().map(|task| format!("task {}", task.label)).collect();
        for session in gateway.iter().flat_map(|gateway| gateway.sessions.all()) {
            let label = self.world.stage.names.label(session.id());
            let sessions = gateway.as_deref().map(|gateway| &gateway.sessions);
            let what = session.read(|record| sessions.and_then(|sessions| leftover(sessions, record)));
            // With a grace of zero, sessions without a client are kept for ever.
            let kept = self.scenario.gateway.orphan_grace == Millis::ZERO;
            let what = what.or((!kept).then_some("is still live"));
            left.extend(what.map(|what| format!("session {label} {what}")));
        }
        if !left.is_empty() {
            self.broken = Some((Outcome::NotAtRest, format!("left at rest: {}", left.join(", "))));
        }
    }

    fn look(&mut self) {
        let gateway = self.process.gateway();
        let registry = gateway.as_ref().map_or(0, |gateway| gateway.sessions.revision());
        let told = self.world.stage.told.revision();
        let seen = (self.process.generation(), registry, self.world.store.revision(), told);
        if seen != self.seen {
            if seen.0 != self.seen.0 {
                self.observer.reach(&match (&gateway, self.process.last_end()) {
                    (Some(_), _) => Moment::Restarted,
                    (None, End::Killed) => Moment::Killed { working: self.observer.working() },
                    (None, End::Signalled) => Moment::Ended,
                });
            }
            self.seen = seen;
            self.was_killed |= gateway.is_none() && self.process.last_end() == End::Killed;
            if self.bounds.strikes != self.world.store.strikes() {
                self.bounds.strikes = self.world.store.strikes();
                self.bounds.struck_at = Some(self.world.stage.now());
            }
            self.bounds.slack = self.calm + STRIKE.times(self.bounds.strikes);
            let live = live_of(gateway.as_deref());
            // Whoever was registered before one that is known is known too.
            let is_known = |session: &&Session| self.known.iter().rev().any(|known| known.is(session));
            let new = live.iter().rev().take_while(|session| !is_known(session)).count();
            self.known.extend_from_slice(&live[live.len() - new..]);
            let mirror = self.world.store.mirror();
            let moment = self.world.stage.moment();
            self.historian.look(&moment, mirror.rows());
            self.observer.look(&self.known, &mirror, &moment, &mut self.historian);
            let tasks = self.world.stage.gateway_tasks();
            let turns = turns(&tasks);
            let seen = Seen { gateway: gateway.as_deref(), live: &live, turns: &turns, rows: &mirror, news: &[] };
            self.oracle.look(self.world.stage.now(), &view!(self, seen));
            if self.oracle.take_ended() {
                self.world.stage.footprints.observer_changed();
            }
        }
        if self.world.stage.told.has_news() {
            let (news, mirror) = (self.world.stage.told.take_news(), self.world.store.mirror());
            let live = live_of(gateway.as_deref());
            let grounds = news.iter().flat_map(|news| news.grounds(&live));
            grounds.for_each(|resource| self.world.stage.footprints.observe(resource));
            let seen =
                Seen { gateway: gateway.as_deref(), live: &live, turns: &BTreeMap::new(), rows: &mirror, news: &news };
            self.oracle.hear(self.world.stage.now(), &view!(self, seen));
        }
        self.note_violations();
    }

    fn note_violations(&mut self) {
        let known = self.oracle.violations().len();
        if known > 0 {
            self.historian.violations(&self.world.stage.moment(), known);
        }
    }

    /// The tables as they are now. They are read again only if something was committed meanwhile.
    fn tables(&self) -> Rc<Tables> {
        let revision = self.world.store.revision();
        let mut last = self.tables.borrow_mut();
        if let Some((seen, tables)) = &*last
            && *seen == revision
        {
            return Rc::clone(tables);
        }
        let dump = self.world.store.dump().expect("a database in memory can be read");
        let tables = Rc::new(Tables { sessions: dump.sessions, messages: dump.messages });
        *last = Some((revision, Rc::clone(&tables)));
        tables
    }

    fn report(self, observations: &[Observation]) -> Report {
        let end = observations.last().cloned();
        let (rows, memory) = end.map(|end| (end.rows, end.memory.unwrap_or_default())).unwrap_or_default();
        let live = Live {
            sessions: memory.sessions.len(),
            timers: memory.orphan_timers,
            turns: memory.turns + memory.turns_without_session,
            connections: memory.connections,
        };
        let tape = self.world.stage.chooser.take_tape();
        let mut observer = self.observer;
        for choice in tape.choices.iter().filter(|choice| choice.site != READY && choice.pick > 0) {
            observer.reach(&Moment::Chosen { site: &choice.site, label: &choice.among[choice.pick] });
        }
        for word in self.world.stage.take_carried_out() {
            observer.reach(&Moment::CarriedOut { word });
        }
        // Tasks hold the stage and the stage holds the pool: they must be dropped for the run's memory to be freed.
        self.world.stage.pool.cancel(|_| true);
        let violations = self.oracle.violations().to_vec();
        let (outcome, detail) = match self.broken {
            // What ended the run early outranks what was found before: the run is not whole.
            Some((outcome, detail)) if outcome != Outcome::NotAtRest || violations.is_empty() => {
                (outcome, Some(detail))
            }
            _ if !violations.is_empty() => (Outcome::Violated, None),
            _ => (Outcome::Passed, None),
        };
        let label = |session: &Session| (session.id().clone(), self.world.stage.names.label(session.id()));
        let sessions = self.known.iter().map(label).collect();
        Report {
            scenario: self.scenario.path.display().to_string(),
            release: self.release,
            outcome,
            detail,
            violations,
            rows,
            live,
            uptime: self.world.stage.now(),
            trace: self.world.stage.take_trace(),
            history: self.historian.finish(sessions),
            tape,
            coverage: observer.finish(),
        }
    }
}

/// The live sessions, oldest first; none while the gateway is down.
fn live_of(gateway: Option<&Gateway>) -> Vec<Session> {
    gateway.map(|gateway| gateway.sessions.all()).unwrap_or_default()
}

/// Up to so many sessions hardly ever wait for each other's writes.
const FEW: u64 = 4;

/// Beyond every timer that a gateway with these settings has.
fn heal_max(settings: &Config) -> Millis {
    let questions = settings.clarify_timeout + settings.sudo_timeout + settings.approval_timeout.unwrap_or_default();
    HEAL_MAX + settings.session_ttl + settings.orphan_grace + settings.orphan_silence + questions
}

/// What the claims depend on.
fn bounds(scenario: &Scenario) -> Bounds {
    let Scenario { gateway, store, network, agent, turns, steps, .. } = scenario;
    // A session is ended by at most four writes in a row: what is not stored yet, the title, the end, a spare.
    let one = (store.before_commit.max + store.after_commit.max + store.after_lookup.max).times(4);
    // Those of a crowd that ends at once stand in one queue.
    let creates = |step: &&Step| matches!(step.action, Action::Request(RequestStep::Create { .. }));
    let sessions = steps.iter().filter(creates).count() as u64;
    let writes = if sessions > FEW { one.times(sessions) } else { one };
    let window = |window| scenario.windows.get(&window).map_or(Millis::ZERO, |window| window.max);
    let stubborn = turns.values().flat_map(|turn| &turn.steps).map(|step| match step {
        TurnStep::Tool { takes, interrupt: OnInterrupt::SitThrough, .. }
        | TurnStep::Compress { takes, .. }
        | TurnStep::Late { takes, .. } => *takes,
        _ => Millis::ZERO,
    });
    // A client that takes its frames one at a time has them at the latest when it is let go; one that takes none, never.
    let lag = steps.iter().filter_map(|step| step.action.latency());
    let backlog = match steps.iter().any(|step| step.action.entry().withholds_frames) {
        true => heal_max(gateway),
        false if network.buffer < Network::default().buffer => gateway.write_timeout,
        false => Millis::ZERO,
    };
    Bounds {
        grace: gateway.orphan_grace,
        // That an old release takes its time over an end is no leak.
        slack: writes + window(Window::PoppedNotEnded) + window(Window::VictimChosen),
        strikes: 0,
        struck_at: None,
        frame: lag.fold(network.latency.max, Millis::max) + backlog,
        stubborn: stubborn.max().unwrap_or(Millis::ZERO),
        write_timeout: gateway.write_timeout,
        silence: gateway.orphan_silence,
        ttl: gateway.session_ttl,
        cap: Some(gateway.max_live_sessions.unwrap_or(16) as usize).filter(|cap| *cap > 0),
        build: gateway.build_delay + agent.first_build.unwrap_or_default().max(agent.build),
        failures: agent.failures.into(),
        clients: scenario.clients().len(),
    }
}

/// What a record that is left at rest must not have.
fn leftover(sessions: &Registry, record: &Record) -> Option<&'static str> {
    match &record.attachment {
        Attachment::Attached(connection) if !sessions.is_linked(connection) => {
            Some("is attached to a connection that is gone")
        }
        _ if record.is_running() => Some("is running"),
        _ if !record.timers.is_empty() => Some("has an armed timer"),
        _ => None,
    }
}

//! Runs: a scenario under a release, from the first step to the checks at rest.
//!
//! [`Simulator`] is the entry. `run` has the phases of a run, `observers` records and judges after each event, `rest`
//! finds leftovers at the end, and `report` builds the result.

mod judging;
mod observers;
mod report;
mod rest;
mod run;

use std::rc::Rc;

use gateway_core::clock::Uptime;
use gateway_core::release::Release;
use gateway_sqlite::Database;
use interleaving::Search;
use interleaving::strategy::{Fifo, Plan, Profile, Strategy};
use sim_scenario::Scenario;

use crate::footprint::Resource;
use crate::observation::Observation;
use crate::report::Report;
use crate::world::database::{Calls, ReusedDatabase, SharedDatabase};
use crate::world::{Chooser, World};
pub use judging::Judging;
use run::Run;

/// Runs scenarios one after the other. Each run empties the database, which is kept open.
pub struct Simulator {
    database: SharedDatabase,
    judging: Judging,
}

impl Simulator {
    /// A simulator with a fresh database in memory.
    ///
    /// # Panics
    /// When SQLite cannot open a database in memory.
    pub fn new() -> Self {
        let database = Database::in_memory().expect("SQLite opens a database in memory");
        Self { database: ReusedDatabase::new(database), judging: Judging::default() }
    }

    /// Changes what the claims judge after each event of the runs to come.
    pub fn judge(&mut self, judging: Judging) {
        self.judging = judging;
    }

    /// Runs a scenario under a release on its scripted schedule: its tape, or the first alternative of each choice.
    pub fn run(&mut self, scenario: &Scenario, release: Release) -> Report {
        self.run_with(scenario, release, Box::new(scenario.schedule(release)))
    }

    /// Runs a scenario under a release by a plan and a seed. A plan that needs a profile gets it from a scripted run.
    pub fn run_planned(&mut self, scenario: &Scenario, release: Release, plan: Plan, seed: u64) -> Report {
        let profile = match plan.needs_profile() {
            true => Profile::of(&self.run_with(scenario, release, Box::new(Fifo)).tape),
            false => Profile::default(),
        };
        self.run_with(scenario, release, plan.strategy(seed, &profile))
    }

    /// The store calls of the scripted run, which a benchmark repeats without the simulator.
    pub fn calls(&mut self, scenario: &Scenario, release: Release) -> Calls {
        self.database.borrow_mut().note_calls();
        self.run(scenario, release);
        self.database.borrow_mut().take_calls()
    }

    /// Runs a scenario under a release. The strategy makes the choices.
    ///
    /// # Panics
    /// When called inside a tokio runtime, or when the scenario has a behavior field that does not exist (parsing
    /// rejects such a scenario).
    pub fn run_with(&mut self, scenario: &Scenario, release: Release, strategy: Box<dyn Strategy>) -> Report {
        self.observe(scenario, release, strategy, &[]).0
    }

    /// As [`run_with`](Self::run_with), and observes rows and memory at each of the `instants` and at the end of the
    /// script's time. The instants are in ascending order and not after that end.
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
        self.database
            .borrow_mut()
            .reset(&scenario.store)
            .expect("a database in memory, or on a disk with power, can be emptied");
        interleaving::block_on(async {
            let world = World::new(scenario, chooser, Rc::clone(&self.database));
            world.store_start(&scenario.rows);
            Run::new(world, scenario, release, behavior, self.judging).finish(instants).await
        })
    }
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

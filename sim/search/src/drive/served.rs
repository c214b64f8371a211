//! Plays a scenario against a gateway in this process: real sockets, a real file, and real time that runs faster.

use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

use gateway::real::access::Access;
use gateway::real::entropy::SystemEntropy;
use gateway::real::limits::Limits;
use gateway::real::served::Served;
use gateway::real::spawn::LocalSpawn;
use gateway::real::sqlite::SqliteThread;
use gateway_core::agent::script::ScriptedAgents;
use gateway_core::clock::{Clock, Millis};
use gateway_core::env::Env;
use gateway_core::lifecycle::process::Signal;
use gateway_core::observe::Observe;
use gateway_core::release::Release;
use gateway_core::store::Store;
use gateway_sqlite::OpenError;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, unconstrained};

use super::clock::ScaledClock;
use super::lateness::{Lateness, TimedStore};
use super::rows::{self, Origin};
use super::{PlayError, Scale, Target, play};
use sim_harness::rows::ListedSession;
use sim_scenario::{AgentSettings, Scenario};

/// Why there is no result to compare.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The machine provided no port or file.
    #[error("the system does not give what a gateway needs: {0}")]
    System(#[from] io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The rows cannot be read.
    #[error("the rows cannot be read: {0}")]
    Rows(#[from] rusqlite::Error),
    /// A connection was refused.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// A step of the script was skipped.
    #[error("{0} steps were skipped")]
    Skipped(usize),
}

/// The result of a play.
pub struct Replayed {
    /// The rows at the end of the script's time.
    pub rows: Vec<ListedSession>,
    /// The machine's own delay in total, in the script's time.
    pub late: Millis,
}

/// Serves a gateway of a release with the scenario's settings and turns, and plays the script against it over loopback.
pub fn replay(scenario: &Scenario, release: Release, scale: Scale) -> Result<Replayed, ReplayError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Unconstrained, as in the served gateway and in the simulator.
    LocalSet::new().block_on(&runtime, unconstrained(run(scenario, release, scale)))
}

async fn run(scenario: &Scenario, release: Release, scale: Scale) -> Result<Replayed, ReplayError> {
    let folder = tempfile::tempdir()?;
    let db = folder.path().join("state.db");
    let store = Rc::new(SqliteThread::open(&db)?);
    let clock = Rc::new(ScaledClock::start(scale));
    let lateness = Lateness::default();
    let timed = TimedStore { store: Rc::clone(&store), lateness: lateness.clone() };
    let env = env(scenario, Rc::clone(&clock), Rc::new(timed));
    let mut behavior = release.behavior();
    for (field, alternative) in &scenario.behavior {
        behavior.set(field, alternative).expect("a parsed scenario overrides fields that exist");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/api/ws", listener.local_addr()?);
    let door = (Access::default(), Limits::default());
    let served = Served::on(listener, env, scenario.gateway.clone(), behavior, door);

    let origin = Origin { wall_ms: clock.now().wall.0, scale: Scale::default() };
    let target = Target { url, token: None, db: Some(db.clone()), scale, control: None };
    let played = tokio::select! {
        biased; // the measurement never ends
        played = play(scenario, target, Rc::new(|_| {})) => played?,
        () = lateness.watch() => unreachable!("it never ends"),
    };
    let (rows, late) = (rows::read(&db)?, scale.scripted(lateness.sum()));
    let skipped = played.skipped;
    played.leave().await;
    served.end(Signal::Term).await;
    store.close();
    match skipped {
        0 => Ok(Replayed { rows: rows::listed(&rows, &BTreeSet::new(), origin), late }),
        _ => Err(ReplayError::Skipped(skipped)),
    }
}

fn env(scenario: &Scenario, clock: Rc<ScaledClock>, store: Rc<dyn Store>) -> Env {
    let clock: Rc<dyn Clock> = clock;
    let AgentSettings { build, first_build, failures, summary } = scenario.agent.clone();
    let agents = ScriptedAgents::new(Rc::clone(&clock), scenario.turns.clone(), build);
    let agents = agents.with_first_builds(first_build).with_failures(failures).with_summary(summary);
    Env {
        clock,
        store,
        agents: Rc::new(agents),
        entropy: Rc::new(SystemEntropy),
        spawn: Rc::new(LocalSpawn),
        observe: Observe::default(),
    }
}

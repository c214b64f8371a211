//! The world a simulated gateway lives in: time, network, store, clients, entropy and tasks, all under one schedule.

pub(crate) mod agent_log;
mod agents;
pub(crate) mod answers;
pub mod cases;
pub(crate) mod client;
pub(crate) mod client_log;
pub mod clock;
mod context;
pub(crate) mod database;
mod entropy;
mod fault;
pub(crate) mod mirror;
pub mod names;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod session_events;
mod spawn;
pub mod start;
pub(crate) mod store;

use std::rc::Rc;

use gateway_core::agent::script::ScriptedAgents;
use gateway_core::clock::Clock;
use gateway_core::env::Env;
use gateway_core::observe::Observe;

use crate::footprint::GatewayAccesses;
use agents::WatchedAgents;
pub(crate) use context::{Chooser, SimContext};
use database::SharedDatabase;
pub(crate) use entropy::REUSED_ADDRESSES;
use entropy::SeededEntropy;
use network::Network;
use session_events::{GatewayObserver, SessionEvents};
use sim_scenario::{AgentSettings, Scenario};
use spawn::PoolSpawn;
use store::SimStore;

/// A whole world, ready for a gateway.
pub(crate) struct World {
    pub(crate) context: Rc<SimContext>,
    pub(crate) network: Rc<Network>,
    pub(crate) store: Rc<SimStore>,
    pub(crate) env: Env,
    /// The events that the gateway has reported of its sessions, in all processes of the run.
    pub(crate) session_events: Rc<SessionEvents>,
}

impl World {
    /// The world of a scenario, on a database that is empty.
    pub(crate) fn new(scenario: &Scenario, chooser: Chooser, database: SharedDatabase) -> Self {
        let context = SimContext::new(chooser);
        let network = Network::new(Rc::clone(&context), scenario.network);
        let store = SimStore::new(
            Rc::clone(&context),
            &scenario.store,
            scenario.gateway.busy_timeout.unwrap_or(fault::PROMISED_WAIT),
            database,
        );
        let clock: Rc<dyn Clock> = Rc::new(context.clock.clone());
        let AgentSettings { build, first_build, failures, summary } = scenario.agent.clone();
        let agents = ScriptedAgents::new(Rc::clone(&clock), scenario.turns.clone(), build);
        let agents = agents.with_first_builds(first_build).with_failures(failures).with_summary(summary);
        let session_events = Rc::<SessionEvents>::default();
        let observer = GatewayObserver {
            context: Rc::clone(&context),
            accesses: GatewayAccesses(Rc::clone(&context.footprints)),
            events: Rc::clone(&session_events),
        };
        let env = Env {
            clock: Rc::clone(&clock),
            store: Rc::clone(&store) as _,
            agents: Rc::new(WatchedAgents { agents: Rc::new(agents), context: Rc::clone(&context) }),
            entropy: Rc::new(SeededEntropy::new(Rc::clone(&context), scenario.seed)),
            spawn: Rc::new(PoolSpawn::new(Rc::clone(&context), scenario.windows.clone())),
            observe: Observe::by(Rc::new(observer)),
        };
        Self { context, network, store, env, session_events }
    }
}

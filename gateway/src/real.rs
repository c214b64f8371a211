//! The gateway's traits on this machine: the only code of the gateway that uses clocks, threads, files and sockets.
//!
//! Each trait has a file; [`env()`] bundles them. They run inside a `LocalSet` on a current-thread runtime of tokio. Only
//! blocking work has threads of its own: the store, and standard input and output. [`served`] puts gateway and transport
//! together: start there.

pub mod access;
pub mod clock;
pub mod entropy;
pub mod limits;
pub mod lock;
mod metered;
pub mod metrics;
mod queues;
pub mod served;
pub mod spawn;
pub mod sqlite;
pub mod stdio;
pub mod websocket;

use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::agent::script::{ScriptedAgents, TurnScript};
use gateway_core::clock::{Clock, Millis};
use gateway_core::env::Env;
use gateway_core::observe::Observe;
use gateway_core::store::Store;

/// The environment of a gateway on this machine, with the rows in `store` and scripted agents that follow `turns`.
pub fn env(store: Rc<dyn Store>, turns: BTreeMap<String, TurnScript>) -> Env {
    let clock: Rc<dyn Clock> = Rc::new(clock::MachineClock::start());
    Env {
        clock: Rc::clone(&clock),
        store,
        agents: Rc::new(ScriptedAgents::new(clock, turns, Millis::ZERO)),
        entropy: Rc::new(entropy::SystemEntropy),
        spawn: Rc::new(spawn::LocalSpawn),
        observe: Observe::default(),
    }
}

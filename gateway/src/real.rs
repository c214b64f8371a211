//! The machine: the only part of the gateway that touches it.
//!
//! Each file is one trait of the gateway on this machine; [`env()`] puts them together. They belong on a current-thread
//! runtime of tokio, inside a `LocalSet`: the gateway is one thread, and only what blocks has others: the store, and the
//! two ends of standard input and output. [`served`] is the whole, with the way clients come to it.

pub mod access;
pub mod clock;
pub mod entropy;
pub mod limits;
pub mod lock;
pub mod metrics;
mod queues;
pub mod served;
pub mod spawn;
pub mod sqlite;
pub mod stdio;
mod watched;
pub mod websocket;

use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::agent::script::{ScriptedAgents, TurnScript};
use gateway_core::clock::{Clock, Millis};
use gateway_core::env::Env;
use gateway_core::observe::Observe;
use gateway_core::store::Store;

/// What a gateway on this machine runs on: rows in `store`, agents that follow `turns`.
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

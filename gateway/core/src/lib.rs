//! An AI-agent session gateway whose every contact with the outside goes through a trait.
//!
//! In the order a frame goes through it: [`transport`] brings it, [`server`] reads it, `rpc` parses it, `method`
//! answers it, `work` runs the turn of a prompt with an [`agent`], `storage` writes its messages, `ends` ends the
//! session, and [`store`] keeps the rows. Start at [`Gateway`].
//!
//! The layers, each of which imports from its own layer and from earlier ones:
//!
//! 1. the traits ([`clock`], [`transport`], [`store`], [`agent`], [`entropy`], [`spawn`], [`observe`]), their bundle
//!    [`env`](mod@env), the [`ids`], and the [`actor`] that ends a session;
//! 2. [`record`], [`config`] and `rpc`: a session, the settings and the frames, as plain data;
//! 3. [`lifecycle`]: decisions on a record, each with the group of behaviour that it reads;
//! 4. [`behavior`] and [`release`]: the values that choose how a gateway behaves;
//! 5. [`state`]: the live sessions, the connections, and the [`Gateway`] that holds them;
//! 6. `storage`, `ends`, `work`: what carries the decisions out;
//! 7. `method`, then [`server`]: requests and connections.
//!
//! `legacy` holds what only old releases do; each of its files stands in the layer of what it replaces.

pub mod actor;
pub mod agent;
pub mod behavior;
pub mod clock;
pub mod config;
mod ends;
pub mod entropy;
pub mod env;
mod group;
pub mod ids;
mod legacy;
pub mod lifecycle;
mod method;
pub mod observe;
pub mod record;
pub mod release;
mod rpc;
pub mod server;
pub mod spawn;
pub mod state;
mod storage;
pub mod store;
pub mod transport;
mod work;

pub use method::{Method, Pace};
pub use state::Gateway;

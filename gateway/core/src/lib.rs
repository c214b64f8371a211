//! An AI-agent session gateway whose every contact with the outside goes through a trait.
//!
//! In the order a frame goes through it: [`transport`] brings it, [`server`] reads it, `rpc` parses it, `method`
//! answers it, [`session`] and [`registry`] hold what is live, `lifecycle` decides without I/O, `turn` works on a
//! prompt with an [`agent`], `rotation`, `reaper` and `finalize` change what is stored, and [`store`] keeps the rows.
//! Start at [`Gateway`].
//!
//! What is outside is an [`env::Env`]; how releases differ is a [`behavior::Behavior`].

pub mod agent;
mod approvals;
pub mod behavior;
mod build;
pub mod clock;
pub mod config;
mod doubt;
pub mod entropy;
pub mod env;
mod event_log;
mod finalize;
mod group;
mod idle;
pub mod ids;
mod index;
pub mod lifecycle;
pub mod link;
mod method;
mod notice;
mod notices;
pub mod observe;
mod persist;
mod prompt;
pub mod question;
mod reaper;
pub mod record;
pub mod registry;
pub mod release;
mod review;
mod rotation;
mod row_ids;
mod rpc;
pub mod server;
pub mod session;
pub mod spawn;
mod startup;
pub mod state;
pub mod store;
pub mod transport;
mod turn;

pub use state::Gateway;

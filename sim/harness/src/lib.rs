//! Runs scenarios against the gateway under virtual time and a schedule it controls.
//!
//! The parts of a run, in order: a [`scenario`](sim_scenario) is parsed, a [`strategy`](interleaving::strategy) makes
//! the choices and the [`tape`](interleaving::tape) records them, the [`simulation`] advances the world of clock,
//! network, store and clients, [`invariant`]s are judged, the [`trace`] records frames and store calls, and a
//! [`report`] has the outcome and the final [`rows`]. Start at [`Simulator`].
//!
//! ```
//! use sim_harness::invariant::NAMES;
//! use sim_harness::{Release, Scenario, Simulator};
//!
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/issues/44045_turn_outlives_grace.toml");
//! let scenario = Scenario::load(path.as_ref(), &NAMES)?;
//! let report = Simulator::new().run(&scenario, Release::V0_16_0);
//! println!("{}: {}\n{}\n{}", report.release, report.outcome, report.rows, report.trace);
//! assert_eq!(report.violations[0].invariant, "detached_rows_end");
//! # Ok::<(), sim_scenario::ScenarioError>(())
//! ```

mod claim;
pub mod counts;
pub mod coverage;
pub mod fact;
pub mod footprint;
pub mod history;
pub mod invariant;
pub mod observation;
mod oracle;
pub mod parity;
pub mod recording;
pub mod report;
pub mod rows;
pub mod simulation;
pub mod snapshot;
pub mod story;
pub mod task;
pub mod timeline;
pub mod trace;
pub mod verdict;
pub mod wire;
pub mod world;

pub use gateway_core::release::Release;
pub use report::{Outcome, Report};
pub use sim_scenario::Scenario;
pub use simulation::{Judging, Simulator};
pub use world::database::Calls;

//! Explores the schedules of single-threaded async programs.
//!
//! The tasks of a single-threaded program still race: between two `await`s of a task other tasks run, in an order that
//! no runtime guarantees. This crate polls the tasks itself, under virtual time, and a strategy chooses the order. It finds
//! an order that fails, prints it as text, replays it, simplifies it, or proves that no order fails.
//!
//! ```
//! use interleaving::{Bounds, Sim, explore, replay, shrink};
//!
//! /// Two tasks add one to a counter, and each lets others run between its read and its write.
//! async fn lost_update(sim: Sim) {
//!     let counter = sim.shared("counter", 0);
//!     let add = |name| {
//!         let (sim, counter) = (sim.clone(), counter.clone());
//!         sim.clone().spawn(name, async move {
//!             let read = counter.get();
//!             sim.yield_now().await;
//!             counter.set(read + 1);
//!         })
//!     };
//!     let (one, other) = (add("one"), add("other"));
//!     one.await;
//!     other.await;
//!     assert_eq!(counter.get(), 2, "an update is lost");
//! }
//!
//! let explored = explore(Bounds::default(), lost_update);
//! let failing = shrink(explored.failure.expect("an order that fails"), lost_update);
//! let failure = failing.result.unwrap_err();
//! assert!(failure.to_string().starts_with("main panicked: assertion"), "{failure}");
//! assert_eq!(replay(&failing.tape, lost_update).result, Err(failure));
//! ```
//!
//! # Map
//! **Start here** with a program of your own: [`explore`](fn@explore), [`fuzz`], [`run`], and the [`Sim`] that the program is
//! given. These modules need nothing but a closure:
//!
//! * [`program`]: one run of a program. [`mod@explore`]: many runs. [`determinism`]: a check that runs depend on nothing else.
//!
//! A simulator with a world of its own (a network, a disk, observers between steps) combines the parts itself. A step passes
//! through them in this order:
//!
//! * [`pool`]: the tasks, and which of them are ready.
//! * [`chooser`]: asks a strategy, records the pick.
//! * [`strategy`]: decides. The trait is the contract; each strategy has a file.
//! * [`tape`]: the choices of a run as text.
//! * [`footprint`]: the accesses of a step. [`search`]: every schedule that footprints do not show to be redundant.
//! * [`clock`]: virtual time, which moves when no task is ready.
//! * [`shrink`](mod@shrink): simpler tapes.
//! * [`prng`]: seeded random streams that never change.

pub mod chooser;
pub mod clock;
pub mod determinism;
pub mod explore;
pub mod footprint;
pub mod pool;
pub mod prng;
pub mod program;
mod runtime;
pub mod search;
pub mod shrink;
pub mod strategy;
pub mod tape;

pub use chooser::Chooser;
pub use clock::VirtualClock;
pub use determinism::check_determinism;
pub use explore::{Explored, Found, explore, explore_reduced, fuzz, shrink};
pub use footprint::{Footprint, Footprints, Resource};
pub use pool::{Pool, Progress, Task, TaskInfo};
pub use prng::Prng;
pub use program::{Failure, Join, Run, Shared, Sim, replay, run};
pub use runtime::block_on;
pub use search::{Bounds, Cut, Reduction, Search};
pub use shrink::Departures;
pub use strategy::{Plan, Profile, READY, Strategy};
pub use tape::{Choice, Tape};

/// The code blocks of the README, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Explores the schedules of single-threaded async programs.

pub mod chooser;
pub mod clock;
pub mod footprint;
pub mod pool;
pub mod prng;
pub mod search;
pub mod shrink;
pub mod strategy;
pub mod tape;

pub use chooser::Chooser;
pub use clock::VirtualClock;
pub use footprint::{Footprint, Footprints, Resource};
pub use pool::{Pool, Progress, Task, TaskInfo};
pub use prng::Prng;
pub use search::{Bounds, Cut, Reduction, Search};
pub use shrink::Departures;
pub use strategy::{Plan, Profile, READY, Strategy};
pub use tape::{Choice, Tape};

/// Runs a future to its end on the calling thread, on a tokio runtime whose clock is paused.
///
/// # Panics
/// When called inside a tokio runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O can always be built");
    // Unconstrained: otherwise all tasks share one budget, and tokio forces yields that are on no tape.
    runtime.block_on(tokio::task::unconstrained(future))
}

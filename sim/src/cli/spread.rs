//! Independent work on several threads.
#![expect(clippy::disallowed_methods, reason = "threads share the work")]

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sim_harness::simulation::Simulator;

/// The number of threads: the requested number, or the number of cores.
pub(super) fn threads(jobs: Option<NonZeroUsize>) -> usize {
    jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// The results for the items, in their order. Each thread has a simulator and takes the next free item, so the number of threads
/// does not affect the results if each is independent of the others.
pub(super) fn spread<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    carry_out: impl Fn(&mut Simulator, &T) -> R + Sync,
) -> Vec<R> {
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                let mut simulator = Simulator::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    let result = carry_out(&mut simulator, item);
                    *results[place].lock().expect("no thread panics while it holds the lock") = Some(result);
                }
            });
        }
    });
    let done = |result: Mutex<Option<R>>| result.into_inner().ok().flatten();
    results.into_iter().map(|result| done(result).expect("each item was carried out")).collect()
}

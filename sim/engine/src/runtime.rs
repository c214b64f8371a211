//! The tokio runtime of a run.

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

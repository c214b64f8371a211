//! The command line of the simulator.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A run allocates many small values; with the system's allocator, allocation takes a fifth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sim::cli::main()
}

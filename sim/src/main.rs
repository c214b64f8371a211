//! The command line of the simulator.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A run is many small values that are made and dropped: the system's allocator takes a fifth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sim::cli::main()
}

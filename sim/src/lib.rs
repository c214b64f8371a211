//! The command line of the simulator. The library behind it is in `sim_scenario`, `sim_harness` and `sim_search`.

pub mod cli;

//! Bounds on the numbers of the command line.

use std::str::FromStr;

use clap::builder::RangedU64ValueParser;

use interleaving::strategy::Plan;

/// The largest depth of `pct` and bound of `delay`. A run draws that many places before it begins.
const STRATEGY_MAX: usize = 1000;

/// The largest number of runs of a campaign. It keeps a list of them.
const RUNS_MAX: u64 = 100_000_000;

/// Reads a strategy.
pub(super) fn strategy(text: &str) -> Result<Plan, String> {
    match text.parse().map_err(|error: <Plan as FromStr>::Err| error.to_string())? {
        Plan::Pct { depth: number } | Plan::Delay { bound: number } if number > STRATEGY_MAX => {
            Err(format!("the number of `pct` and `delay` is at most {STRATEGY_MAX}"))
        }
        plan => Ok(plan),
    }
}

/// Reads a number of runs.
pub(super) fn runs() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=RUNS_MAX)
}

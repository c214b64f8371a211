//! Parsers of flag values: their ranges, and the errors of values outside them.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;
use gateway_core::release::Release;

use interleaving::strategy::Plan;
use sim_harness::invariant::NAMES;

/// The largest depth of `pct` and bound of `delay`. A run draws this number of positions before it begins.
const STRATEGY_MAX: usize = 1000;

/// The largest number of runs of a campaign, because a campaign keeps a list of its units.
const RUNS_MAX: u64 = 100_000_000;

/// The largest number of threads. More only cost memory, and from some ten thousand on the machine refuses them.
const JOBS_MAX: usize = 1024;

/// The exit code of a command that went on although a file of a folder was bad.
pub(super) const BAD_FILE: u8 = 2;

/// The output formats of the commands other than `run`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For reading
    Human,
    /// One JSON document, for programs
    Json,
}

/// Reads a strategy by name, with its number at most [`STRATEGY_MAX`].
pub(super) fn strategy(text: &str) -> Result<Plan, String> {
    let too_large = || format!("the number of `pct` and `delay` is at most {STRATEGY_MAX}");
    match text.parse() {
        Ok(Plan::Pct { depth: number } | Plan::Delay { bound: number }) if number > STRATEGY_MAX => Err(too_large()),
        // A number too large for its type.
        Err(_) if matches!(text.split_once(':'), Some(("pct" | "delay", number)) if is_number(number)) => {
            Err(too_large())
        }
        Err(error) => Err(<Plan as FromStr>::Err::to_string(&error)),
        Ok(plan) => Ok(plan),
    }
}

fn is_number(text: &str) -> bool {
    text.trim_start_matches('0').starts_with(|digit: char| digit.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a number of threads, from 1 to [`JOBS_MAX`].
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse().ok().filter(|jobs: &NonZeroUsize| jobs.get() <= JOBS_MAX);
    jobs.ok_or_else(|| format!("expected a number of threads from 1 to {JOBS_MAX}"))
}

/// Reads a number of runs, from 1 to [`RUNS_MAX`].
pub(super) fn runs() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=RUNS_MAX)
}

/// Reads a release by its name; the error lists the known ones.
pub(super) fn release(text: &str) -> Result<Release, String> {
    text.parse().map_err(|error: gateway_core::release::UnknownRelease| error.to_string())
}

/// The claim that a flag names: an invariant, by its present or its earlier name, or an outcome.
pub(super) fn claim(text: &str) -> Result<String, String> {
    const OUTCOMES: [&str; 4] = ["panicked", "not_at_rest", "limit", "facts_differ"];
    if let Some(new) = NAMES.replacement(text) {
        let until = NAMES.renamed_until;
        eprintln!("warning: `{text}` is now `{new}`; the earlier name is accepted until version {until}");
    }
    let outcome = || OUTCOMES.into_iter().find(|outcome| *outcome == text);
    let known = || NAMES.known.iter().copied().chain(OUTCOMES).collect::<Vec<_>>();
    let claim = NAMES.resolve(text).or_else(outcome);
    claim.map(str::to_owned).ok_or_else(|| format!("expected one of `{}`", known().join("`, `")))
}

//! Parsers of flag values: their ranges, and the errors of values outside them.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

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

/// More choices than a run has.
const CHOICES_MAX: u64 = 1_000_000;

/// The largest number of parts of a campaign. There are no more units in the largest one.
const SHARDS_MAX: u64 = 1_000_000;

/// The longest budget: a deadline far beyond is no time of the machine's clock.
const BUDGET_MAX: Duration = Duration::from_secs(366 * 86_400);

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

/// Reads a number of tries, from 0 to [`RUNS_MAX`].
pub(super) fn tries() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(0..=RUNS_MAX)
}

/// Reads a number of choices of a run, from 0 to [`CHOICES_MAX`].
pub(super) fn choices() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(0..=CHOICES_MAX)
}

/// Reads a duration of real time, of at most a year.
pub(super) fn budget(text: &str) -> Result<Duration, String> {
    let budget = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if budget <= BUDGET_MAX { Ok(budget) } else { Err("a budget is at most a year".to_owned()) }
}

/// Reads part K of N of a campaign, N at most [`SHARDS_MAX`].
pub(super) fn shard(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    let known = numbers.filter(|(number, of)| *of <= SHARDS_MAX && (1..=*of).contains(number));
    known.ok_or_else(|| format!("expected K/N with K from 1 to N and N at most {SHARDS_MAX}, as `2/4`"))
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

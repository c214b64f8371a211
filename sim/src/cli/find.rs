//! `sim find`: from final rows to the smallest scenario that ends in them.

mod bar;
mod playable;
mod text;
mod wrong;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr};

use self::bar::Bar;
use self::text::Kept;
use self::wrong::PatternDiagnostic;
use super::bounds::{self, Format, release};
use super::file::write;
use super::spread::{spread, threads};
use sim_harness::report::Outcome;
use sim_search::find::{Found, Given, Hit, Others, Pattern, Progress, Search};
use sim_search::shrink::Size;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A row of the pattern: an alias (`s1`, `s2`, …) and what holds of the row, as `s2 parent=s1 open`. Repeatable. Words
    /// are `open`, `ended`, `end_reason=X`, `parent=ALIAS`, `parent=none`, `source=X`, `messages=N`, `messages>=N`, `title`,
    /// `no_title`, `calls_without_result`, `results_without_call`, `duplicate_messages`, `count_differs`, and times before the
    /// end: `since_start<TIME`, `since_message<TIME`, `since_prompt<TIME`, or with `>`
    #[arg(long = "row", value_name = "ROW")]
    rows: Vec<String>,
    /// Number of live sessions at the end [default: any, but none that is still in use]
    #[arg(long, value_name = "N")]
    live: Option<usize>,
    /// Allow no rows but those of the pattern
    #[arg(long)]
    exact: bool,
    /// File with the pattern: a table `[rows]` of `s1 = "WORD…"`, and the keys `live`, `exact` and `release`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rows", "live", "exact"])]
    pattern: Option<PathBuf>,
    /// File with the output of `sim audit DB --format json`, for the rows of one of its findings
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rows", "exact", "pattern"])]
    audit: Option<PathBuf>,
    /// Which finding of the audit, from 1
    #[arg(long, value_name = "N", default_value_t = 1, requires = "audit")]
    finding: usize,
    /// The release that left the rows [default: that of the file; without one, current]
    #[arg(long, value_name = "R", value_parser = release)]
    release: Option<Release>,
    /// Number of runs, from 1 to 100000000
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = bounds::runs())]
    runs: u64,
    /// Seed of the search. The same seed gives the same files
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Number of causes to look for, from 1 to 100. Each has a file
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    causes: u32,
    /// Number of threads, from 1 to 1024. The result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Largest number of runs to shrink each scenario
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = bounds::tries())]
    tries: u64,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folder for the scenarios
    #[arg(long, value_name = "DIR", default_value = "scenarios/found")]
    out: PathBuf,
}

/// Searches, shrinks what is found, writes the files, and prints the result. The exit code is 0 if anything was found.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let (pattern, of_file) = pattern(arguments)?;
    let release = arguments.release.or(of_file).unwrap_or(Release::Current);
    let search = Search { pattern, release, seed: arguments.seed, runs: arguments.runs, tries: arguments.tries };
    let (mut progress, mut kept) = (Progress::default(), Vec::new());
    let bar = Bar::new(search.runs);
    let threads = threads(arguments.jobs);
    loop {
        let units = search.round(&progress);
        let results = spread(&units, threads, |simulator, unit| search.carry_out(simulator, *unit, &progress));
        progress.absorb(results);
        bar.show(progress.runs, &text::so_far(&progress, kept.len()));
        let hits = progress.take_hits(search.release, units.is_empty());
        // One hit needs no comparison.
        let mut hits = match hits.len() {
            0 | 1 => hits,
            _ => spread(&hits, threads, |simulator, hit| search.rough(simulator, hit)),
        };
        hits.sort_by_cached_key(Hit::size);
        // The nearest competitor may be the smaller one in the end.
        let wanted = arguments.causes as usize - kept.len();
        hits.truncate(wanted + 1);
        let mut found = spread(&hits, threads, |simulator, hit| {
            let found = search.finish(simulator, hit);
            playable::of(simulator, &search, found)
        });
        found.sort_by_cached_key(|(found, _)| Size::of(&found.scenario));
        found.truncate(wanted);
        let mut goes_on = !units.is_empty();
        for (found, unplayable) in found {
            goes_on &= progress.mend(&found.cause, search.release);
            let file = keep(&search, &found, arguments)?;
            kept.push(Kept { found, file, unplayable });
        }
        if !goes_on || kept.len() >= arguments.causes as usize {
            break;
        }
    }
    bar.finish(progress.runs);
    match arguments.format {
        Format::Human => text::print(&search, &progress, &kept),
        Format::Json => text::print_json(&search, &progress, &kept),
    }
    Ok(if kept.is_empty() { Outcome::Limit.exit_code() } else { 0 })
}

/// The pattern of the flags or of a file, and the release that a file names.
fn pattern(arguments: &Arguments) -> miette::Result<(Pattern, Option<Release>)> {
    let read = |path: &PathBuf| {
        fs::read_to_string(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))
    };
    let (path, text, given) = match (&arguments.pattern, &arguments.audit) {
        (Some(path), _) => {
            let text = read(path)?;
            let given = Given::from_toml(&text);
            (Some(path), text, given)
        }
        (None, Some(path)) => {
            let text = read(path)?;
            let given = Given::from_audit(&text, arguments.finding);
            (Some(path), text, given)
        }
        (None, None) => {
            let others = if arguments.exact { Others::None } else { Others::Free };
            let given = Given { rows: arguments.rows.clone(), live: arguments.live, others, ..Given::default() };
            (None, String::new(), Ok(given))
        }
    };
    let mut given = given.map_err(|error| PatternDiagnostic::of_file(path, &text, error))?;
    given.live = arguments.live.or(given.live);
    if given.rows.is_empty() {
        return Err(miette::miette!(
            help = "give a row, as `--row 's1 end_reason=compression'`, or a file with `--pattern` or `--audit`",
            "a pattern without rows"
        ));
    }
    let pattern = given.pattern().map_err(|error| PatternDiagnostic::of_row(path, &text, &given, error))?;
    Ok((pattern, given.release))
}

fn keep(search: &Search, found: &Found, arguments: &Arguments) -> miette::Result<PathBuf> {
    let file = arguments.out.join(format!("{}.toml", found.name(search)));
    let wrong = || format!("cannot write {}", file.display());
    write(&file, &found.scenario.to_toml()).into_diagnostic().wrap_err_with(wrong)?;
    Ok(file)
}

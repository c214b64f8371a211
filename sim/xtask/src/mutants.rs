//! The mutation score of the harness: which small changes of the gateway's core no scenario and no campaign notices.
//!
//! `cargo mutants` makes the changes, builds each, and runs `tests/grade.rs` on it; `.cargo/mutants.toml` says on which
//! files. This module chooses the part to run, reads the results, and adds to each caught mutant the claim or snapshot
//! that caught it. A missed mutant needs a claim, a scenario, or a line in `reasons.toml`.

mod baseline;
mod outcome;
mod score;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use miette::{Context, IntoDiagnostic, miette};

use baseline::Baseline;
use score::{Reasons, Score};

/// Seconds after which a mutant's test counts as hanging. The test takes about 15 s without a mutation.
const TIMEOUT_S: u32 = 180;
/// Mutants of a run without `--shard`, about.
const SAMPLE: usize = 60;
/// A missed mutant without a reason: the exit code of the task.
const MISSED: u8 = 10;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run part K of N, counted from 0: every N-th mutant [default: about 60 mutants, another part for each --seed]
    #[arg(long, value_name = "K/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Without --shard: chooses the part, for example the number of the night
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "shard")]
    seed: u64,
    /// Mutants that are built and judged at the same time, from 1 to 64
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// The folder for the logs and results of `cargo mutants`
    #[arg(long, value_name = "DIR", default_value = "target/mutants")]
    out: PathBuf,
    /// Add the results to the committed baseline, `sim/xtask/baseline.tsv`
    #[arg(long)]
    record: bool,
    /// Run nothing: print the score of the committed baseline
    #[arg(long, conflicts_with_all = ["shard", "seed", "jobs", "out", "record"])]
    score: bool,
    /// Run nothing: read the results in --out, of a run that was stopped or of `cargo mutants` by hand
    #[arg(long, conflicts_with_all = ["shard", "seed", "jobs", "score"])]
    read: bool,
}

/// Every `of`-th mutant, from number `part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    part: u64,
    of: u64,
}

/// Runs the mutants, prints the score, and fails if a missed mutant has no reason.
#[expect(clippy::print_stdout, reason = "printing is what a command line is for")]
pub(crate) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reasons = Reasons::read(&home.join("reasons.toml"))?;
    let place = home.join("baseline.tsv");
    let mut baseline = Baseline::read(&place)?;
    if arguments.score {
        println!("{}", Score::new(baseline.results(), &reasons));
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.read {
        let shard = match arguments.shard {
            Some(shard) => shard,
            None => Shard::sample(arguments.seed, count()?),
        };
        pass_unmutated()?;
        mutate(arguments, shard)?;
    }
    let results = outcome::read(&arguments.out.join("mutants.out"))?;
    let score = Score::new(&results, &reasons);
    println!("{score}");
    if arguments.record {
        baseline.add(results);
        baseline.write(&place)?;
    }
    Ok(if score.has_unexplained() { ExitCode::from(MISSED) } else { ExitCode::SUCCESS })
}

/// The number of mutants that `.cargo/mutants.toml` selects.
fn count() -> miette::Result<usize> {
    let listed = cargo_mutants().arg("--list").output().into_diagnostic()?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(miette!(
            help = "install it with `cargo install cargo-mutants --locked`",
            "`cargo mutants --list` failed: {said}"
        ));
    }
    Ok(listed.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
}

/// The tree as it is must pass: otherwise every mutant would count as caught. `cargo mutants` would run the tests of the
/// mutated package for this, and not those of `.cargo/mutants.toml`.
fn pass_unmutated() -> miette::Result<()> {
    let test = ["test", "--package", "xtask", "--features", "grade", "--test", "grade"];
    let status = cargo().args(test).status().into_diagnostic()?;
    if status.success() {
        Ok(())
    } else {
        Err(miette!("the tree fails without a mutation: `cargo {}`", test.join(" ")))
    }
}

fn mutate(arguments: &Arguments, shard: Shard) -> miette::Result<()> {
    fs::create_dir_all(&arguments.out)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot create {}", arguments.out.display()))?;
    let status = cargo_mutants()
        .args([
            "--shard",
            &format!("{}/{}", shard.part, shard.of),
            "--sharding",
            "round-robin",
            "--no-times",
            "--baseline",
            "skip",
        ])
        .args(["--timeout", &TIMEOUT_S.to_string(), "--jobs", &arguments.jobs.to_string()])
        .arg("--output")
        .arg(&arguments.out)
        .status()
        .into_diagnostic()?;
    // 2 and 3: mutants were missed or timed out, which is a result.
    match status.code() {
        Some(0 | 2 | 3) => Ok(()),
        _ => Err(miette!("`cargo mutants` ended with {status}; its messages are above")),
    }
}

fn cargo() -> Command {
    Command::new("cargo")
}

fn cargo_mutants() -> Command {
    let mut command = cargo();
    command.args(["mutants", "--package", "gateway-core", "--colors", "never"]);
    command
}

impl Shard {
    /// A part of about [`SAMPLE`] mutants; seeds that follow each other go through all parts.
    fn sample(seed: u64, mutants: usize) -> Self {
        let of = (mutants / SAMPLE).max(1) as u64;
        Self { part: seed % of, of }
    }
}

fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parsed {
        Some((part, of)) if part < of && of <= 100_000 => Ok(Shard { part, of }),
        _ => Err("a part is K/N with K from 0 to N - 1 and N at most 100000, for example 0/10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shard, shard};

    /// Nights that follow each other go through every part, and bad parts are refused with the form of a good one.
    #[test]
    fn parts_are_chosen_by_seed_and_read_from_text() {
        let parts: Vec<u64> = (0..4).map(|seed| Shard::sample(seed, 190).part).collect();
        assert_eq!(parts, [0, 1, 2, 0]);
        assert_eq!(Shard::sample(7, 10), Shard { part: 0, of: 1 });
        assert_eq!(shard("3/4"), Ok(Shard { part: 3, of: 4 }));
        for bad in ["4/4", "1", "a/b", "-1/4", "0/0", "0/100001", ""] {
            assert!(shard(bad).is_err_and(|error| error.contains("K/N")), "{bad}");
        }
    }
}

//! All mutants in one program, which an environment variable tells which one to be.
//!
//! A build for each mutant takes a minute or more, a run of the judge seconds. So the workspace is copied to
//! `DIR/one/tree`, where each mutant is guarded by a test of its number (`one/guard.rs`), and built once. A mutant that the
//! compiler refuses is taken out, and the rest built again.

mod guard;
mod program;
mod sites;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use miette::{Context, IntoDiagnostic, miette};

use super::baseline::{self, Baseline, line};
use super::list::Listed;
use super::outcome::{Mutant, Outcome};
use guard::Guarded;
use program::{Built, CompileError, Judge};

/// The module that the guards ask; `VARIABLE` stands for the name of the variable.
const MODULE: &str = "//! Which mutant runs.\n
static CHOSEN: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();\n
pub(crate) fn is(number: u32) -> bool {
    let chosen = || std::env::var(\"VARIABLE\").ok().and_then(|text| text.parse().ok());
    *CHOSEN.get_or_init(chosen) == Some(number)
}\n";

/// The mutants that are in no program, and why.
#[derive(Default)]
struct Dropped {
    unviable: BTreeSet<u32>,
    fixed: BTreeSet<u32>,
}

/// Judges `chosen` of all mutants, each result appended to `DIR/one/results.tsv` as it comes.
pub(super) fn run(all: &[Listed], chosen: &[&Listed], out: &Path, jobs: u8) -> miette::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is below `sim`");
    fs::create_dir_all(out.join("one")).into_diagnostic()?;
    let place = out.join("one").canonicalize().into_diagnostic()?;
    let (program, dropped) = build(root, &place, all)?;
    match program::judge(&program, None, Judge::All)? {
        Outcome::Missed => {}
        other => return Err(miette!("the tree fails without a mutation: {}", baseline::word(&other))),
    }
    let results = File::create(place.join("results.tsv")).into_diagnostic()?;
    let run = Run { program, dropped, jobs, results: Mutex::new(results) };
    // The campaign takes most of the time, and catches few that the scenarios miss.
    let left = run.judge(chosen, Judge::Scenarios)?;
    run.judge(&left, Judge::All)?;
    Ok(())
}

/// The results of [`run`].
pub(super) fn read(out: &Path) -> miette::Result<Vec<Mutant>> {
    Ok(Baseline::read(&out.join("one/results.tsv"))?.into_results())
}

/// Builds all mutants that can be built together.
fn build(root: &Path, place: &Path, all: &[Listed]) -> miette::Result<(PathBuf, Dropped)> {
    let mut dropped = Dropped::default();
    loop {
        let (files, guarded) = guard_all(root, all, &mut dropped)?;
        tree::copy(root, &place.join("tree"), &files)?;
        match program::build(&place.join("tree"), &place.join("build"))? {
            Built::Program(program) => return Ok((program, dropped)),
            Built::Errors(errors) => dropped.take(&errors, &guarded)?,
        }
    }
}

type Files = BTreeMap<PathBuf, String>;

/// The files of the core with their mutants, and the module that chooses one.
fn guard_all(
    root: &Path,
    all: &[Listed],
    dropped: &mut Dropped,
) -> miette::Result<(Files, BTreeMap<PathBuf, Guarded>)> {
    let read = |path: &Path| {
        fs::read_to_string(root.join(path))
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot read {}", path.display()))
    };
    let mut by_file: BTreeMap<&Path, Vec<&Listed>> = BTreeMap::new();
    for mutant in all.iter().filter(|mutant| !dropped.holds(mutant.number)) {
        by_file.entry(&mutant.file).or_default().push(mutant);
    }
    let (mut files, mut guarded) = (Files::new(), BTreeMap::new());
    for (path, mutants) in by_file {
        let file = guard::guard(&read(path)?, &mutants).wrap_err_with(|| format!("in {}", path.display()))?;
        dropped.unviable.extend(&file.unviable);
        dropped.fixed.extend(&file.fixed);
        files.insert(path.to_owned(), file.text.clone());
        guarded.insert(path.to_owned(), file);
    }
    let library = Path::new("gateway/core/src/lib.rs");
    files.insert(library.to_owned(), read(library)? + "\nmod mutant;\n");
    files.insert(library.with_file_name("mutant.rs"), MODULE.replace("VARIABLE", program::VARIABLE));
    Ok((files, guarded))
}

impl Dropped {
    fn holds(&self, number: u32) -> bool {
        self.unviable.contains(&number) || self.fixed.contains(&number)
    }

    /// Takes out what the compiler refuses: a mutant if the error is in its own text, else those of the guard around it.
    fn take(&mut self, errors: &[CompileError], guarded: &BTreeMap<PathBuf, Guarded>) -> miette::Result<()> {
        for error in errors {
            let places = || error.places.iter().filter_map(|(path, bytes)| Some((guarded.get(path)?, bytes)));
            if let Some(number) = places().find_map(|(file, bytes)| file.mutated_at(bytes)) {
                self.unviable.insert(number);
            } else if let Some(numbers) = places().find_map(|(file, bytes)| file.guarded_at(bytes)) {
                self.fixed.extend(numbers);
            } else {
                return Err(miette!("no mutant is the cause of this error:\n{}", error.rendered));
            }
        }
        Ok(())
    }
}

struct Run {
    program: PathBuf,
    dropped: Dropped,
    jobs: u8,
    results: Mutex<File>,
}

impl Run {
    /// Judges mutants, and returns those that the scenarios alone have missed.
    #[expect(clippy::print_stdout, reason = "printing is what a command line is for")]
    #[expect(clippy::disallowed_methods, reason = "mutants are processes, and a thread waits for each")]
    fn judge<'a>(&self, mutants: &[&'a Listed], judge: Judge) -> miette::Result<Vec<&'a Listed>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut left = Vec::new();
            while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = self.result(mutant, judge)?;
                if result == Outcome::Missed && judge == Judge::Scenarios {
                    println!("{}: {}\tleft to the campaign", mutant.number, mutant.name);
                    left.push(*mutant);
                } else {
                    self.add(mutant, result)?;
                }
            }
            Ok(left)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs).map(|_| scope.spawn(work)).collect();
            let parts = threads.into_iter().map(|thread| thread.join().expect("a judging thread does not panic"));
            Ok(parts.collect::<miette::Result<Vec<_>>>()?.concat())
        })
    }

    fn result(&self, mutant: &Listed, judge: Judge) -> miette::Result<Outcome> {
        if self.dropped.unviable.contains(&mutant.number) {
            Ok(Outcome::Unviable)
        } else if self.dropped.fixed.contains(&mutant.number) {
            Ok(Outcome::NotJudged)
        } else {
            program::judge(&self.program, Some(mutant.number), judge)
        }
    }

    #[expect(clippy::print_stdout, reason = "printing is what a command line is for")]
    fn add(&self, mutant: &Listed, result: Outcome) -> miette::Result<()> {
        let line = line(&Mutant { name: mutant.name.clone(), result });
        println!("{}: {line}", mutant.number);
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(results, "{line}").into_diagnostic()
    }
}

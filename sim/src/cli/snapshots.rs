//! `sim run --snapshots DIR`: the snapshots of a user's own folder, in the form of this repository's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, WrapErr, miette};
use sim_harness::report::{Outcome, Report};
use sim_harness::snapshot::Snapshot;
use sim_harness::verdict::Reference;

use super::case::Case;
use super::file::write;

/// The remedy of a run without a snapshot.
const REMEDY: &str = "no snapshot; `--update` writes it";

/// The snapshots of a folder, compared or brought up to date.
pub(super) struct Snapshots {
    folder: PathBuf,
    update: bool,
    /// The paths that the command was given, below which scenarios are named by their relative paths.
    roots: Vec<PathBuf>,
    /// By path: what is on disk, if it is there, and what it becomes.
    read: BTreeMap<PathBuf, (Option<Snapshot>, Snapshot)>,
}

impl Snapshots {
    pub(super) fn new(folder: PathBuf, update: bool, roots: Vec<PathBuf>) -> Self {
        Self { folder, update, roots, read: BTreeMap::new() }
    }

    /// The snapshot that a scenario's rows are compared with. While snapshots are brought up to date, rows are not compared.
    pub(super) fn reference(&mut self, scenario: &Path) -> miette::Result<Reference> {
        let path = self.path(scenario);
        if self.read.contains_key(&path) {
            let message = format!("two scenarios have the snapshot {}", path.display());
            return Err(miette!(help = "give the folder that contains both instead of the files", "{message}"));
        }
        let found = read(&path)?;
        self.read.insert(path, (found.clone(), found.clone().unwrap_or_default()));
        Ok(match found {
            _ if self.update => Reference::None,
            Some(snapshot) => Reference::Snapshot(snapshot),
            None => Reference::Missing(REMEDY),
        })
    }

    /// Records the rows of a run. Rows of a run that ended early are not those of its scenario.
    pub(super) fn record(&mut self, scenario: &Path, report: &Report) {
        let is_whole = matches!(report.outcome, Outcome::Passed | Outcome::Violated | Outcome::NotAtRest);
        if let Some((_, snapshot)) = self.read.get_mut(&self.path(scenario)).filter(|_| is_whole) {
            snapshot.insert(report.release, report.rows.facts());
        }
    }

    /// Writes what has changed if the command updates, and prints what was written and which snapshots have no scenario.
    /// Only snapshots of whole folders can be found stale.
    pub(super) fn finish(&self, cases: &[Case]) -> miette::Result<()> {
        let mut written = 0;
        for (path, (found, new)) in self.read.iter().filter(|_| self.update) {
            if found.as_ref() != Some(new) && *new != Snapshot::default() {
                write(path, &new.to_string())
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot write {}", path.display()))?;
                eprintln!("{}: {}", path.display(), if found.is_some() { "updated" } else { "new" });
                written += 1;
            }
        }
        if self.update {
            eprintln!("{written} of {} snapshots written, of {} runs", self.read.len(), cases.len());
        }
        if self.roots.iter().all(|root| root.is_dir()) {
            for stale in self.stale().into_diagnostic()? {
                eprintln!("warning: {} has no scenario; delete it", stale.display());
            }
        }
        Ok(())
    }

    /// The path of the snapshot: that of the scenario below the given folder, with the extension `snap`.
    fn path(&self, scenario: &Path) -> PathBuf {
        let below = self.roots.iter().filter(|root| root.is_dir()).find_map(|root| scenario.strip_prefix(root).ok());
        let name = below.or_else(|| scenario.file_name().map(Path::new)).unwrap_or(scenario);
        self.folder.join(name).with_extension("snap")
    }

    fn stale(&self) -> io::Result<BTreeSet<PathBuf>> {
        let mut stale = BTreeSet::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            if !folder.exists() {
                continue;
            }
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "snap")
                    && !self.read.contains_key(&path)
                {
                    stale.insert(path);
                }
            }
        }
        Ok(stale)
    }
}

fn read(path: &Path) -> miette::Result<Option<Snapshot>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let parsed = text.parse().into_diagnostic();
            Ok(Some(parsed.wrap_err_with(|| format!("{} is not a snapshot", path.display()))?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display())),
    }
}

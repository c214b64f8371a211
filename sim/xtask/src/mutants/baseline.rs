//! The committed baseline: one line for each mutant that was judged, `name TAB result`, sorted by name.
//!
//! A later result of the same name replaces the earlier one. Names hold a line and a column, so an edit above a mutant
//! gives it another name; `--record` drops the lines of mutants that there are no longer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use miette::{Context, IntoDiagnostic, miette};

use super::outcome::{Mutant, Outcome};

/// The results, in the order of the mutants' names.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    mutants: Vec<Mutant>,
}

impl Baseline {
    /// Reads the file; a missing file is an empty baseline.
    pub(super) fn read(place: &Path) -> miette::Result<Self> {
        match fs::read_to_string(place) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).into_diagnostic().wrap_err_with(|| format!("cannot read {}", place.display())),
            Ok(text) => Self::parse(&text).wrap_err_with(|| format!("{} is not a baseline", place.display())),
        }
    }

    pub(super) fn results(&self) -> &[Mutant] {
        &self.mutants
    }

    pub(super) fn into_results(self) -> Vec<Mutant> {
        self.mutants
    }

    /// Whether a mutant of this name was judged.
    pub(super) fn has(&self, name: &str) -> bool {
        self.mutants.iter().any(|mutant| mutant.name == name && mutant.result != Outcome::NotJudged)
    }

    /// Whether the mutant of this name was missed.
    pub(super) fn missed(&self, name: &str) -> bool {
        self.mutants.iter().any(|mutant| mutant.name == name && mutant.result == Outcome::Missed)
    }

    /// Drops the results of mutants that there are no longer.
    pub(super) fn keep(&mut self, names: &BTreeSet<&str>) {
        self.mutants.retain(|mutant| names.contains(mutant.name.as_str()));
    }

    /// Adds results, each in place of an earlier one of its name.
    pub(super) fn add(&mut self, results: Vec<Mutant>) {
        let all = std::mem::take(&mut self.mutants).into_iter().chain(results);
        let newest: BTreeMap<String, Mutant> = all.map(|mutant| (mutant.name.clone(), mutant)).collect();
        self.mutants = newest.into_values().collect();
    }

    /// Replaces the file as a whole.
    pub(super) fn write(&self, place: &Path) -> miette::Result<()> {
        let text: String = self.mutants.iter().map(|mutant| line(mutant) + "\n").collect();
        let new = place.with_extension("tsv.new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, place))
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", place.display()))
    }

    fn parse(text: &str) -> miette::Result<Self> {
        let mutant = |(number, line): (usize, &str)| {
            let bad = || miette!("line {}: expected `name TAB result`, found `{line}`", number + 1);
            let (name, result) = line.split_once('\t').ok_or_else(bad)?;
            Ok(Mutant { name: name.to_owned(), result: result_of(result).ok_or_else(bad)? })
        };
        let mutants = text.lines().enumerate().map(mutant).collect::<miette::Result<Vec<_>>>()?;
        let names: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        if names.len() < mutants.len() {
            return Err(miette!("a mutant is listed twice"));
        }
        Ok(Self { mutants })
    }
}

/// `name TAB result`.
pub(super) fn line(mutant: &Mutant) -> String {
    format!("{}\t{}", mutant.name, word(&mutant.result))
}

pub(super) fn word(result: &Outcome) -> String {
    match result {
        Outcome::Caught(by) => format!("caught by {by}"),
        Outcome::Timeout => "timeout".to_owned(),
        Outcome::Unviable => "unviable".to_owned(),
        Outcome::Missed => "missed".to_owned(),
        Outcome::NotJudged => "not judged".to_owned(),
    }
}

fn result_of(word: &str) -> Option<Outcome> {
    match word {
        "timeout" => Some(Outcome::Timeout),
        "unviable" => Some(Outcome::Unviable),
        "missed" => Some(Outcome::Missed),
        "not judged" => Some(Outcome::NotJudged),
        _ => word.strip_prefix("caught by ").map(|by| Outcome::Caught(by.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Mutant, Outcome, line};

    /// What is written is read back, later results replace earlier ones, and a bad line is named.
    #[test]
    fn baselines_are_kept() {
        let mutant = |name: &str, result| Mutant { name: name.to_owned(), result };
        let mut baseline = Baseline::parse("a: x\tmissed\nb: y\tcaught by claim c in s\n").expect("a good baseline");
        baseline.add(vec![mutant("a: x", Outcome::Timeout), mutant("0: z", Outcome::Unviable)]);
        let lines: Vec<String> = baseline.results().iter().map(line).collect();
        assert_eq!(lines, ["0: z\tunviable", "a: x\ttimeout", "b: y\tcaught by claim c in s"]);
        baseline.add(vec![mutant("b: y", Outcome::NotJudged)]);
        assert_eq!(["0: z", "a: x", "b: y", "c"].map(|name| baseline.has(name)), [true, true, false, false]);
        assert_eq!(["a: x", "c"].map(|name| baseline.missed(name)), [false, false]);
        baseline.add(vec![mutant("b: y", Outcome::Missed)]);
        assert!(baseline.missed("b: y"));
        baseline.keep(&["a: x"].into());
        assert_eq!(baseline.into_results(), [mutant("a: x", Outcome::Timeout)]);
        for (bad, names) in [("a: x\tmissed\nb", "line 2"), ("a\tgone", "line 1"), ("a\tmissed\na\ttimeout", "twice")] {
            let error = Baseline::parse(bad).expect_err("a bad baseline");
            assert!(error.to_string().contains(names), "{error}");
        }
    }
}

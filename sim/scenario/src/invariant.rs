//! The names of invariants, which `violates` of an `[expect]` table takes.

use std::fmt;
use std::path::PathBuf;

/// The names of invariants that a scenario file may hold. The simulator that judges them passes them in.
#[derive(Clone, Copy, Debug)]
pub struct InvariantNames {
    /// Every name, in the order in which a mistake lists them.
    pub known: &'static [&'static str],
    /// Earlier names that are still accepted, each with the name that replaces it.
    pub renamed: &'static [(&'static str, &'static str)],
    /// The version that no longer accepts the earlier names.
    pub renamed_until: &'static str,
}

impl InvariantNames {
    /// The present name of an invariant, by its present or its earlier name. `None`: there is no such invariant.
    pub fn resolve(&self, name: &str) -> Option<&'static str> {
        let known = self.known.iter().find(|known| **known == name).copied();
        known.or_else(|| self.replacement(name))
    }

    /// The name that replaces an earlier one. `None`: it is no earlier name.
    pub fn replacement(&self, name: &str) -> Option<&'static str> {
        self.renamed.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
    }
}

/// A part of a scenario file that is accepted, and should be changed.
///
/// `Display` is one line, as an error's: `scenarios/x.toml:62:12: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The path of the scenario file.
    pub path: PathBuf,
    /// The line of the part, counted from 1.
    pub line: usize,
    /// The column of the part, counted from 1, in characters.
    pub column: usize,
    /// What should be changed, and why.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, message } = self;
        write!(f, "{}:{line}:{column}: {message}", path.display())
    }
}

//! Reads scenario files: from text to a checked [`Scenario`].

use std::fs;
use std::path::Path;

use super::check;
use super::error::{ScenarioError, Source};
use super::invariant::{InvariantNames, Warning};
use super::scenario::Scenario;

impl Scenario {
    /// Parses the text of a scenario file. `expect` may name the invariants in `names`; `path` only stands in errors.
    pub fn parse(path: &Path, text: &str, names: &InvariantNames) -> Result<Self, ScenarioError> {
        let (scenario, _) = check::scenario(&Source::new(path, text), names)?;
        Ok(scenario)
    }

    /// Reads and parses a scenario file. `expect` may name the invariants in `names`.
    pub fn load(path: &Path, names: &InvariantNames) -> Result<Self, ScenarioError> {
        let (scenario, _) = Self::load_with_warnings(path, names)?;
        Ok(scenario)
    }

    /// Reads and parses a scenario file, with a warning for each deprecated word, at its first place in the file.
    pub fn load_with_warnings(path: &Path, names: &InvariantNames) -> Result<(Self, Vec<Warning>), ScenarioError> {
        let bytes = fs::read(path).map_err(|error| ScenarioError::unreadable(path, &error))?;
        match str::from_utf8(&bytes) {
            Ok(text) => check::scenario(&Source::new(path, text), names),
            Err(error) => Err(ScenarioError::not_text(path, &bytes, error.valid_up_to())),
        }
    }
}

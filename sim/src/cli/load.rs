//! Reads the scenario file that a command names.

use std::path::Path;

use sim_harness::invariant::NAMES;
use sim_scenario::Scenario;

use super::diagnostic::ScenarioDiagnostic;

/// Reads a scenario file. Warnings go to stderr, so that stdout stays parseable.
pub(super) fn scenario(path: &Path) -> Result<Scenario, ScenarioDiagnostic> {
    let (scenario, warnings) = Scenario::load_with_warnings(path, &NAMES)?;
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    Ok(scenario)
}

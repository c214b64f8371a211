//! The rows at the end of a run as a database file.

use std::path::Path;

use gateway_sqlite::{Database, Dump};
use miette::{Context, IntoDiagnostic, miette};

use super::case::Case;

/// Writes the rows of the only run to a new file.
pub(super) fn write(cases: &[Case], path: &Path) -> miette::Result<()> {
    let [case] = cases else {
        let help = "name one scenario file and one `--release`";
        return Err(miette!(help = help, "`--rows` takes the rows of one run, not of {}", cases.len()));
    };
    if path.exists() {
        return Err(miette!(help = "name a new file", "`{}` exists already", path.display()));
    }
    let rows = &case.verdict.report.rows;
    let dump = Dump { sessions: rows.sessions.clone(), messages: rows.messages.clone(), inputs: Vec::new() };
    let written =
        Database::open(path).into_diagnostic().and_then(|mut database| database.insert(&dump).into_diagnostic());
    written.wrap_err_with(|| path.display().to_string())
}

//! `sim parity`: recordings of the real gateway compared with runs of this gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway_core::release::Release;
use miette::IntoDiagnostic;
use serde::Serialize;

use super::bounds::{BAD_FILE, Format, release};
use super::file::word;
use sim_harness::parity::{Cell, Difference};
use sim_harness::recording::{Recording, RecordingError};
use sim_harness::report::Outcome;
use sim_harness::simulation::Simulator;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Recording, or folder of recordings
    #[arg(default_value = "scenarios/upstream", value_name = "DIR")]
    path: PathBuf,
    /// Compare only this release. Repeatable [default: all that were recorded]
    #[arg(long = "release", value_name = "R", value_parser = release)]
    releases: Vec<Release>,
    /// How to print the comparison
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Serialize)]
struct Document<'a> {
    cells: &'a [Cell],
    equal: usize,
    differing: usize,
    /// The files that are no recordings, each with the place of the mistake.
    refused: &'a [String],
}

/// Compares every recording under every release for which it was recorded. A file that is no recording is reported on
/// stderr, and the others are compared.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let mut simulator = Simulator::new();
    let (mut cells, mut refused) = (Vec::new(), Vec::new());
    for loaded in Recording::load_all(&arguments.path).into_diagnostic()? {
        let compared = loaded.and_then(|recording| compare(&mut simulator, &recording, &arguments.releases));
        match compared {
            Ok(compared) => cells.extend(compared),
            Err(error) => {
                eprintln!("error: {error}");
                refused.push(error.to_string());
            }
        }
    }
    if cells.is_empty() && refused.is_empty() {
        return Err(miette::miette!("no recording has any of the releases asked for"));
    }
    match arguments.format {
        // A file that is no recording has nothing to show.
        Format::Human if cells.is_empty() => {}
        Format::Human => print(arguments, &cells),
        Format::Json => {
            let differing = cells.iter().filter(|cell| !cell.equal).count();
            let equal = cells.len() - differing;
            let document = Document { cells: &cells, equal, differing, refused: &refused };
            out!("{}", serde_json::to_string_pretty(&document).expect("a comparison is plain data"));
        }
    }
    let all_equal = cells.iter().all(|cell| cell.equal);
    Ok(match (refused.is_empty(), all_equal) {
        (false, _) => BAD_FILE,
        (true, false) => Outcome::RowsDiffer.exit_code(),
        (true, true) => 0,
    })
}

/// The cells of a recording under `releases`, or under all of its releases if there are none.
fn compare(
    simulator: &mut Simulator,
    recording: &Recording,
    releases: &[Release],
) -> Result<Vec<Cell>, RecordingError> {
    let asked = |release: &Release| releases.is_empty() || releases.contains(release);
    let cells = recording.cells.iter().filter(|(release, _)| asked(release));
    cells.map(|(release, recorded)| Cell::run(simulator, recording, *release, recorded)).collect()
}

/// Prints the differences of each cell, then a table of recordings and releases.
fn print(arguments: &Arguments, cells: &[Cell]) {
    for cell in cells.iter().filter(|cell| !cell.equal) {
        out!("{} under {}: {} differences", cell.recording, cell.release, cell.differences.len());
        cell.differences.iter().for_each(print_difference);
        if cell.repeatable != true {
            out!("    the real gateway did not repeat this cell: {}", cell.repeatable);
        }
    }
    let differing = cells.iter().filter(|cell| !cell.equal).count();
    if differing > 0 {
        out!();
    }
    print_table(cells);
    match differing {
        0 => out!("\n{} cells, all equal", cells.len()),
        _ => {
            out!("\n{} cells, {differing} DIFFER", cells.len());
            out!("details: sim parity {} --format json", word(&arguments.path));
        }
    }
}

fn print_difference(difference: &Difference) {
    let rule = difference.rule.as_ref().map(|rule| format!(", not {rule}")).unwrap_or_default();
    out!("    {}: recorded {}, simulated {}{rule}", difference.place, difference.recorded, difference.simulated);
}

/// A row for each recording, a column for each release: `=`, the number of differences, or a blank without a recording. A `~`
/// marks recordings that the real gateway did not reproduce.
fn print_table(cells: &[Cell]) {
    let mut releases: Vec<&str> = Vec::new();
    let mut lines: BTreeMap<&str, BTreeMap<&str, &Cell>> = BTreeMap::new();
    for cell in cells {
        if !releases.contains(&cell.release) {
            releases.push(cell.release);
        }
        lines.entry(&cell.recording).or_default().insert(cell.release, cell);
    }
    let width = lines.keys().map(|name| name.len()).max().unwrap_or_default();
    let header: String = releases.iter().map(|release| format!("  {release:>12}")).collect();
    out!("{:width$}{header}", "");
    for (name, of_release) in lines {
        let column = |release: &&str| {
            let text = of_release.get(release).map(|cell| {
                let marks = if cell.repeatable == true { "" } else { " ~" };
                if cell.equal { format!("={marks}") } else { format!("{}{marks}", cell.differences.len()) }
            });
            format!("  {:>12}", text.unwrap_or_default())
        };
        out!("{name:width$}{}", releases.iter().map(column).collect::<String>());
    }
}

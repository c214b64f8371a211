//! `sim parity`: recordings of the real gateway compared with runs of this gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway_core::release::Release;
use miette::IntoDiagnostic;
use serde::Serialize;

use super::bounds::{Format, release};
use sim_harness::parity::{Cell, Difference};
use sim_harness::recording::Recording;
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
}

/// Compares every recording under every release for which it was recorded.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let recordings = Recording::load_all(&arguments.path).into_diagnostic()?;
    let mut simulator = Simulator::new();
    let mut cells = Vec::new();
    for recording in &recordings {
        for (release, recorded) in &recording.cells {
            if arguments.releases.is_empty() || arguments.releases.contains(release) {
                cells.push(Cell::run(&mut simulator, recording, *release, recorded).into_diagnostic()?);
            }
        }
    }
    if cells.is_empty() {
        return Err(miette::miette!("no recording has any of the releases asked for"));
    }
    match arguments.format {
        Format::Human => print(arguments, &cells),
        Format::Json => {
            let differing = cells.iter().filter(|cell| !cell.equal).count();
            let document = Document { cells: &cells, equal: cells.len() - differing, differing };
            out!("{}", serde_json::to_string_pretty(&document).expect("a comparison is plain data"));
        }
    }
    let all_equal = cells.iter().all(|cell| cell.equal);
    Ok(if all_equal { 0 } else { Outcome::RowsDiffer.exit_code() })
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
            out!("details: sim parity {} --format json", arguments.path.display());
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

//! `sim report`: a page about runs of a scenario, or about an audit.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr};
use sim_harness::report::Report;
use sim_harness::simulation::Simulator;
use sim_harness::verdict::{Reference, judge};
use sim_report::audit::Audit;
use sim_scenario::Found;

use super::case::Case;
use super::diagnostic::ScenarioDiagnostic;
use super::plant::Plants;
use super::{bounds, html, load, run};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A scenario file, a folder of them, or what `sim audit --format json` has printed
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// The page
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Only runs under this release. Repeatable [default: the releases that each file lists]
    #[arg(long = "release", value_name = "R", value_parser = bounds::release)]
    releases: Vec<Release>,
    #[command(flatten)]
    plants: Plants,
}

/// Writes the page. What the runs show is no failure of this command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let Arguments { input, out, releases, plants } = arguments;
    let page = match input.extension().is_some_and(|extension| extension == "json") {
        true => audit(input)?.page(),
        false => html::runs(&cases(std::slice::from_ref(input), releases, plants)?, None),
    };
    html::keep(out, &page)?;
    Ok(0)
}

fn audit(path: &Path) -> miette::Result<Audit> {
    let named = || format!("cannot read {}", path.display());
    let text = std::fs::read_to_string(path).into_diagnostic().wrap_err_with(named)?;
    Audit::read(&text).into_diagnostic().wrap_err_with(named)
}

/// The runs of files on their own schedules, under the releases asked for or else those of each file.
pub(super) fn cases(paths: &[PathBuf], releases: &[Release], plants: &Plants) -> miette::Result<Vec<Case>> {
    let mut simulator = Simulator::new();
    let mut cases = Vec::new();
    for found in sim_scenario::find(paths).map_err(ScenarioDiagnostic::from)? {
        let mut scenario = load::scenario(&found.path)?;
        plants.plant(&mut scenario);
        let scenario = Rc::new(scenario);
        let reference = Reference::find(&scenario).into_diagnostic()?;
        let releases = if releases.is_empty() { scenario.releases.clone() } else { releases.to_vec() };
        let mut reports: Vec<Report> = releases.into_iter().map(|release| simulator.run(&scenario, release)).collect();
        run::allow_differences(&mut simulator, &scenario, &mut reports);
        for report in reports {
            let verdict = judge(report, &scenario, &reference);
            let (found, scenario) = (Found { named: true, ..found.clone() }, Rc::clone(&scenario));
            cases.push(Case { found, scenario, verdict, again: "run", plants: plants.flags(), flags: String::new() });
        }
    }
    Ok(cases)
}

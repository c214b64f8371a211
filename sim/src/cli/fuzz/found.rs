//! The scenario files of a campaign: a shrunk scenario for each kind of failure.

use std::path::PathBuf;

use miette::{IntoDiagnostic, WrapErr};

use super::Arguments;
use crate::cli::file::write;
use crate::cli::spread::spread;
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;
use sim_search::fuzz::{Explanation, Finding, Summary, explain};

/// A failure with its file.
pub(super) struct Kept<'a> {
    pub(super) finding: &'a Finding,
    /// The number of runs that failed in this way.
    pub(super) count: u64,
    pub(super) scenario: Scenario,
    pub(super) file: PathBuf,
    /// The differences of the release that each cause the failure on their own.
    pub(super) explained: Vec<Explanation>,
}

/// Shrinks the first failure of each kind and writes its file, in the order of the runs that found them.
pub(super) fn keep<'a>(summary: &'a Summary, arguments: &Arguments) -> miette::Result<Vec<Kept<'a>>> {
    let mut findings: Vec<&(Finding, u64)> = summary.findings.values().collect();
    findings.sort_by_key(|(finding, _)| (finding.run.number, &finding.signature));
    let scenarios = shrink(&findings, arguments);
    let (mut kept, mut simulator) = (Vec::new(), Simulator::new());
    for ((finding, count), scenario) in findings.into_iter().zip(scenarios) {
        let alike = |kept: &&Kept<'_>| {
            kept.finding.signature.claim == finding.signature.claim && kept.finding.run == finding.run
        };
        let twin = kept.iter().filter(alike).count();
        let twin = if twin == 0 { String::new() } else { format!("_{}", twin + 1) };
        let name = format!("{}_{}_run{}{twin}.toml", finding.signature.claim, finding.release, finding.run.number);
        let file = arguments.out.join(name);
        let wrong = || format!("cannot write {}", file.display());
        write(&file, &scenario.to_toml()).into_diagnostic().wrap_err_with(wrong)?;
        let explained = explain(&mut simulator, &scenario, finding.release, &finding.signature);
        kept.push(Kept { finding, count: *count, scenario, file, explained });
    }
    Ok(kept)
}

fn shrink(findings: &[&(Finding, u64)], arguments: &Arguments) -> Vec<Scenario> {
    spread(findings, arguments.threads(), |simulator, (finding, _)| {
        let scenario = finding.shrink(simulator, arguments.tries.max(1));
        // A nondeterministic run is reported as such, and its scenario is kept unshrunk.
        scenario.map_or_else(|_| finding.scenario.clone(), |shrunk| shrunk.scenario)
    })
}

//! Pages that commands write: the content of each, from what the command found.

use std::path::Path;
use std::rc::Rc;

use miette::{IntoDiagnostic, WrapErr};
use sim_harness::counts::Counts;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_report::run::{Cause, Run, Searched, Story};
use sim_report::{ClaimLine, Copied, quoted};
use sim_scenario::Scenario;
use sim_search::fuzz::{Blind, Blindness, Explanation, blind, excused_share, explain};
use sim_search::signature::FailureSignature;

use super::case::Case;
use super::excuses::reasons;
use super::file::write;

/// The number of violations of a page whose cause is looked for: each takes a run for every difference of the release.
const CAUSES_MAX: usize = 12;

/// Writes a page, and says so on stderr.
pub(super) fn keep(file: &Path, page: &str) -> miette::Result<()> {
    write(file, page).into_diagnostic().wrap_err_with(|| format!("cannot write {}", file.display()))?;
    eprintln!("wrote {}", file.display());
    Ok(())
}

/// The page of runs: cases of one scenario stand together.
pub(super) fn runs(cases: &[Case], searched: Option<&Searched>) -> String {
    let mut stories: Vec<Story<'_>> = Vec::new();
    let mut simulator = Simulator::new();
    let mut looked_for = 0;
    for case in cases {
        let run = run(case, &mut simulator, &mut looked_for);
        match stories.last_mut() {
            Some(story) if std::ptr::eq(story.scenario, Rc::as_ptr(&case.scenario)) => story.runs.push(run),
            _ => stories.push(Story { scenario: &case.scenario, text: text(&case.scenario), runs: vec![run] }),
        }
    }
    let title = match stories.as_slice() {
        [story] => story.scenario.name.clone(),
        stories => format!("{} scenarios", stories.len()),
    };
    sim_report::run::page(&title, &stories, searched)
}

/// The text of the file, in which the lines of steps count. A scenario of no file is printed.
fn text(scenario: &Scenario) -> String {
    std::fs::read_to_string(&scenario.path).unwrap_or_else(|_| scenario.to_toml())
}

fn run<'a>(case: &'a Case, simulator: &mut Simulator, looked_for: &mut usize) -> Run<'a> {
    let report = &case.verdict.report;
    let mut causes = Vec::new();
    for signature in FailureSignature::all(&case.scenario, report) {
        let is_violated = report.violations.iter().any(|violation| violation.invariant == signature.claim);
        if !is_violated || *looked_for >= CAUSES_MAX {
            continue;
        }
        *looked_for += 1;
        for Explanation { field, alternative, about } in explain(simulator, &case.scenario, report.release, &signature)
        {
            let cause = Cause { field: format!("{field} = {alternative}"), about: about.to_owned() };
            causes.push((signature.claim.clone(), cause));
        }
    }
    Run { verdict: &case.verdict, causes, commands: commands(report, case) }
}

fn commands(report: &Report, case: &Case) -> Vec<Copied> {
    let Case { again, plants, flags, .. } = case;
    let file = quoted(&report.scenario);
    let under = format!("{file} --release {}{plants}", report.release);
    let mut commands = vec![
        Copied::new("run again", format!("sim {again} {under}{flags}")),
        Copied::new("every event", format!("sim run {under}{flags} --trace")),
        Copied::new("every schedule", format!("sim explore {under}")),
    ];
    if !matches!(report.outcome, Outcome::Passed | Outcome::RowsDiffer | Outcome::Story) {
        commands.push(Copied::new("shrink", format!("sim shrink {under}{flags}")));
    }
    commands.push(Copied::new("this page", format!("sim report {file} -o report.html")));
    commands
}

/// The counts of every claim that had a case. A campaign of this many runs may be blind to some.
pub(super) fn claims(counts: &Counts, runs: u64) -> Vec<ClaimLine> {
    let blind = blind(counts, runs);
    let of = |name: &str| blind.iter().find(|blind| blind.claim == name && blind.accepted.is_none()).map(why);
    let had_any = counts.iter().filter(|(name, count)| count.judged + count.excused() > 0 || of(name).is_some());
    had_any
        .map(|(name, count)| ClaimLine {
            name,
            judged: count.judged,
            excused: count.excused(),
            share: excused_share(count),
            reasons: reasons(count),
            blind: of(name),
        })
        .collect()
}

fn why(blind: &Blind) -> String {
    match blind.blindness {
        Blindness::Rare => "hardly judged".to_owned(),
        Blindness::Excused => "mostly excused".to_owned(),
    }
}

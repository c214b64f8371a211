//! `sim confirm --random`: many drawn scenarios on the real gateway.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, WrapErr};
use proptest::strategy::ValueTree;

use super::super::file::{word, write};
use super::json::{self, Campaign, Kind, WithoutResult};
use super::{Arguments, Format, environment};
use sim_confirm::random::{kind, scenario};
use sim_confirm::{Options, Pace, Trouble, confirm, prepare};
use sim_harness::Simulator;
use sim_harness::report::Outcome;
use sim_scenario::Scenario;
use sim_search::shrink::{Reducer, Size};

/// A kind of difference: the seeds whose scenarios show it, and the first of these.
struct Group {
    seeds: Vec<u64>,
    example: String,
    scenario: Scenario,
}

/// Plays, then shrinks the first scenario of each kind. The exit code is 0, or 15 where any scenario differs.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let environment = environment(&arguments.peers, arguments.release)?;
    let mut simulator = Simulator::new();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let is_human = arguments.format == Format::Human;
    let (mut equal, mut differ, mut without_result) = (0_u64, 0_u64, Vec::new());
    let plays = arguments.random.unwrap_or_default();
    let progress = ProgressBar::new(plays).with_style(
        ProgressStyle::with_template("{pos}/{len} played, {elapsed} {wide_bar} {eta}")
            .expect("a template of known keys"),
    );
    for seed in arguments.seed..arguments.seed + plays {
        let drawn = scenario(&mut simulator, seed, arguments.release);
        let result = play(&mut simulator, &drawn, arguments, &environment);
        progress.inc(1);
        let said = match result {
            Err(error) => {
                let why = error.to_string();
                let said = format!("seed {seed}: no result, {why}");
                without_result.push(WithoutResult { seed, why });
                said
            }
            Ok(lines) => {
                let Some(first) = lines.into_iter().next() else {
                    equal += 1;
                    continue;
                };
                differ += 1;
                let said = format!("seed {seed}: {first}");
                let group = groups.entry(kind(&first));
                let group = group.or_insert_with(|| Group { seeds: Vec::new(), example: first, scenario: drawn });
                group.seeds.push(seed);
                said
            }
        };
        if is_human {
            out!("{said}");
        }
    }
    progress.finish_and_clear();
    let mut kinds = Vec::new();
    for (kind, group) in groups {
        let small = shrink(&mut simulator, &kind, &group.scenario, arguments, &environment);
        let file = arguments.out.join(format!("{}_{}.toml", arguments.release, group.seeds[0]));
        write(&file, &small.to_toml()).into_diagnostic().wrap_err_with(|| file.display().to_string())?;
        kinds.push(Kind { kind, seeds: group.seeds, example: group.example, file, steps: small.steps.len() });
    }
    let (release, seed) = (arguments.release, arguments.seed);
    let campaign = Campaign { release, seed, plays, equal, differ, without_result, kinds };
    match arguments.format {
        Format::Human => print(&campaign),
        Format::Json => json::print(&campaign),
    }
    let all_equal = campaign.equal == campaign.plays;
    Ok(if all_equal { 0 } else { Outcome::RowsDiffer.exit_code() })
}

fn print(campaign: &Campaign) {
    let Campaign { equal, differ, without_result, kinds, release, .. } = campaign;
    out!("\n{equal} equal, {differ} differ in {} ways, {} without a result", kinds.len(), without_result.len());
    for Kind { seeds, example, file, steps, .. } in kinds {
        out!("{:>5} × {example}", seeds.len());
        out!("        {steps} steps: sim confirm {} --release {release} --exact", word(file));
    }
}

/// The differences of one play.
fn play(
    simulator: &mut Simulator,
    scenario: &Scenario,
    arguments: &Arguments,
    environment: &Path,
) -> Result<Vec<String>, Trouble> {
    let home = tempfile::tempdir()?;
    let options = Options { environment, home: home.path(), pace: Pace::Exact };
    Ok(confirm(simulator, scenario, arguments.release, options)?.differences)
}

/// A smaller scenario whose first difference is of the same kind: each candidate is played on both.
fn shrink(
    simulator: &mut Simulator,
    kept: &str,
    scenario: &Scenario,
    arguments: &Arguments,
    environment: &Path,
) -> Scenario {
    let mut reducer = Reducer::new(scenario.clone());
    let (mut best, mut plays) = (scenario.clone(), 0);
    let mut goes_on = reducer.simplify();
    while goes_on && plays < arguments.tries {
        let candidate = reducer.current();
        // Only what has fewer parts is worth a play.
        let is_less = Size::of(&candidate).script() < Size::of(&best).script();
        let playable = is_less && prepare(simulator, &candidate, arguments.release, Pace::Exact).is_ok();
        let shows = playable && {
            plays += 1;
            let lines = play(simulator, &candidate, arguments, environment).unwrap_or_default();
            lines.first().is_some_and(|first| kind(first) == kept)
        };
        goes_on = if shows {
            best = candidate;
            reducer.simplify()
        } else {
            reducer.complicate()
        };
    }
    best
}

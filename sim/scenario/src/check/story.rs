//! Parts of a file that can have no effect, as far as the file alone shows it. The rest shows in a run.
//!
//! A part with `may_skip = true`, and a file with it at the top, is not checked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use gateway_core::agent::script::{TurnScript, TurnStep};
use gateway_core::clock::Millis;

use crate::error::{ScenarioError, Source};
use crate::fault::StoreFault;
use crate::invariant::Warning;
use crate::parse::RawTurn;
use crate::step::{Action, OnSkip, PlacedStep, Presence, ProcessStep, RequestStep, Step};

const REMEDY: &str = "or write `may_skip = true`";

/// Whether the process of the gateway is up at a point of the script, and by which step.
#[derive(Clone, Copy)]
enum Up<'a> {
    Yes(Option<&'a Step>),
    No(&'a Step),
    /// A shutdown takes its time, and a `crash` fault ends the process at some call.
    Unknown,
}

/// Checks the steps of the process, and those that undo what was not done.
pub(super) fn steps(source: &Source<'_>, steps: &[PlacedStep], faults: &[StoreFault]) -> Result<(), ScenarioError> {
    let crashes = faults.iter().any(|fault| fault.fault.kills());
    let mut up = if crashes { Up::Unknown } else { Up::Yes(None) };
    let mut impaired: BTreeSet<(&str, &'static str)> = BTreeSet::new();
    for (place, placed) in steps.iter().enumerate() {
        let step = &placed.step;
        if step.on_skip == OnSkip::Fails {
            process(source, steps, place, up)?;
            repairs(source, placed, &impaired)?;
        }
        up = after(step, up, crashes);
        impair(step, &mut impaired);
    }
    Ok(())
}

fn after<'a>(step: &'a Step, up: Up<'a>, crashes: bool) -> Up<'a> {
    let Action::Process(of_process) = &step.action else { return up };
    match of_process {
        ProcessStep::Kill => Up::No(step),
        ProcessStep::Signal { .. } if matches!(up, Up::No(_)) => up,
        ProcessStep::Signal { .. } => Up::Unknown,
        ProcessStep::Restart { .. } if !matches!(up, Up::No(_)) => up,
        ProcessStep::Restart { .. } if crashes => Up::Unknown,
        ProcessStep::Restart { .. } => Up::Yes(Some(step)),
        ProcessStep::CliNew { .. }
        | ProcessStep::ScanIdle
        | ProcessStep::Suspend { .. }
        | ProcessStep::SetClock { .. } => up,
    }
}

fn process(source: &Source<'_>, steps: &[PlacedStep], place: usize, up: Up<'_>) -> Result<(), ScenarioError> {
    let placed = &steps[place];
    let step = &placed.step;
    let mistake = |message: String, help: String| Err(source.error(placed.place("do"), message).with_help(help));
    let by = |step: &Step| format!("`{}` at {}, in line {}", step.action.word(), String::from(step.at), step.line);
    match (step.action.word(), up) {
        ("gateway.restart", Up::Yes(start)) => {
            let since = start.map_or_else(
                || "it is up from the start".to_owned(),
                |start| format!("it is up since the {}", by(start)),
            );
            let help = format!("{since}; `gateway.kill` or `gateway.signal` it first, {REMEDY}");
            mistake("`gateway.restart` of a gateway that is up".to_owned(), help)
        }
        ("gateway.kill" | "gateway.signal" | "gateway.scan_idle", Up::No(end)) => {
            let help = format!("it is down since the {}; `gateway.restart` it first, {REMEDY}", by(end));
            mistake(format!("`{}` of a gateway that is down", step.action.word()), help)
        }
        ("connect", Up::No(end)) => {
            // At one instant the process and its clients act in any order.
            let restarts =
                |other: &PlacedStep| other.step.action.word() == "gateway.restart" && other.step.at == step.at;
            if end.at == step.at || steps[place..].iter().any(restarts) {
                return Ok(());
            }
            let help = format!("it is down since the {}; `gateway.restart` it first, {REMEDY}", by(end));
            mistake(format!("client `{}` connects to a gateway that is down", step.client), help)
        }
        _ => Ok(()),
    }
}

/// `mend` undoes a `cut`, and `unstall` a `stall`, of the same connection.
fn repairs(
    source: &Source<'_>,
    placed: &PlacedStep,
    impaired: &BTreeSet<(&str, &'static str)>,
) -> Result<(), ScenarioError> {
    let undone = match placed.step.action.word() {
        "mend" => "cut",
        "unstall" => "stall",
        _ => return Ok(()),
    };
    let client = placed.step.client.as_str();
    if impaired.contains(&(client, undone)) {
        return Ok(());
    }
    let message = format!("`{}` without a `{undone}` before it", placed.step.action.word());
    let help = format!("the connection of `{client}` is not impaired so; add a `{undone}`, drop the step, {REMEDY}");
    Err(source.error(placed.place("do"), message).with_help(help))
}

fn impair<'a>(step: &'a Step, impaired: &mut BTreeSet<(&'a str, &'static str)>) {
    let client = step.client.as_str();
    match (step.action.word(), step.action.presence()) {
        ("cut", _) => drop(impaired.insert((client, "cut"))),
        ("stall", _) => drop(impaired.insert((client, "stall"))),
        ("mend", _) => drop(impaired.remove(&(client, "cut"))),
        ("unstall", _) => drop(impaired.remove(&(client, "stall"))),
        (_, Presence::Connects | Presence::Disconnects) => impaired.retain(|(other, _)| *other != client),
        (_, Presence::DisconnectsAll) => impaired.clear(),
        _ => {}
    }
}

/// Checks that nothing stands behind the end of a turn. A review begins after the answer wherever it stands.
pub(super) fn turn(source: &Source<'_>, name: &str, turn: &RawTurn) -> Result<(), ScenarioError> {
    let mut end = None;
    for item in &turn.steps {
        let (step, place) = (item.0.get_ref(), item.0.span());
        match (end, step) {
            (_, TurnStep::Review { .. }) => {}
            (None, TurnStep::Reply { .. }) => end = Some("reply"),
            (None, TurnStep::Error { .. }) => end = Some("error"),
            (None, TurnStep::Late { .. }) => end = Some("late"),
            (None, _) => {}
            (Some(end), _) => {
                let help = format!("turn `{name}` goes no further than its `{end}`; move the step before it");
                return Err(source.error(place, format!("a step after `{end}`")).with_help(help));
            }
        }
    }
    Ok(())
}

/// A warning for each turn that nothing runs: no prompt, background job or steer has its name. The script is the same without
/// the turn, so its file is accepted.
pub(super) fn unused_turns(
    source: &Source<'_>,
    steps: &[PlacedStep],
    turns: &BTreeMap<String, TurnScript>,
) -> Vec<Warning> {
    let jobs = turns.values().flat_map(|turn| &turn.steps).filter_map(|step| match step {
        TurnStep::Background { job, .. } => Some(job.as_str()),
        _ => None,
    });
    let steers = steps.iter().filter_map(|placed| match &placed.step.action {
        Action::Request(RequestStep::Steer { text, .. }) => Some(text.as_str()),
        Action::Request(_) | Action::Connection(_) | Action::Process(_) => None,
    });
    let asked = steps.iter().filter_map(|placed| placed.step.action.turn()).chain(steers);
    let used: BTreeSet<&str> = jobs.chain(asked).collect();
    let warning = |turn: &String| {
        let (line, column) = source.line_and_column(header(source, turn).start);
        let message = format!("turn `{turn}` is never run: no prompt has `turn = \"{turn}\"`");
        Warning { path: source.path.to_owned(), line, column, message }
    };
    turns.keys().filter(|turn| !used.contains(turn.as_str())).map(warning).collect()
}

fn header(source: &Source<'_>, turn: &str) -> Range<usize> {
    let forms = [format!("turns.{turn}"), format!("turns.\"{turn}\""), turn.to_owned()];
    let found = forms.iter().find_map(|form| Some((source.text.find(form.as_str())?, form.len())));
    found.map_or(0..0, |(start, length)| start..start + length)
}

/// Checks that a fault can hit a call: that its window begins within the script's time.
pub(super) fn fault(
    source: &Source<'_>,
    fault: &StoreFault,
    place: Range<usize>,
    until: Millis,
) -> Result<(), ScenarioError> {
    if fault.on_skip == OnSkip::Allowed || fault.from <= until {
        return Ok(());
    }
    let message =
        format!("a fault from `{}` on, but the script ends at `{}`", String::from(fault.from), String::from(until));
    let help = format!("no call fails after the end; an earlier `from` or a later `until` of the file, {REMEDY}");
    Err(source.error(place, message).with_help(help))
}

//! Exploring: what is proved about whole scenarios, which planted races are found in small ones without any widening, and
//! that the reduction leaves nothing out.

use std::fmt::Write;
use std::path::Path;

use sim::explore::{Bounds, Cut, Exploration, Explored, Reduction};
use sim::strategy::Random;
use sim::{Outcome, Release, Scenario, Simulator};

/// A scenario that stands in a file.
fn file(path: &str) -> Scenario {
    Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(path)).expect("a good file")
}

/// A scenario of steps, each `time client what`, and what else a step needs in braces: `3s phone session.close work`.
fn script(head: &str, steps: &[&str]) -> Scenario {
    let mut text = format!("about = \"A few steps.\"\n{head}\n");
    for step in steps {
        let words: Vec<&str> = step.split(' ').collect();
        let [at, client, what, rest @ ..] = &words[..] else { panic!("no step: {step}") };
        writeln!(text, "[[steps]]\nat = \"{at}\"\nclient = \"{client}\"\ndo = \"{what}\"").expect("a string takes all");
        for (key, value) in keys(what).iter().zip(rest) {
            writeln!(text, "{key} = \"{value}\"").expect("a string takes all");
        }
    }
    Scenario::parse(Path::new("script.toml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What the words after a step's action are.
fn keys(what: &str) -> &'static [&'static str] {
    match what {
        "session.create" => &["as"],
        "prompt.submit" => &["session", "turn"],
        _ => &["session"],
    }
}

/// The scenario with a bug planted on `current`.
fn planted(scenario: &Scenario, field: &str, alternative: &str) -> Scenario {
    let mut planted = scenario.clone();
    planted.behavior.push((field.to_owned(), alternative.to_owned()));
    planted
}

fn explore(scenario: &Scenario) -> Explored {
    Exploration::new(Release::Current).carry_out(&mut Simulator::new(), scenario)
}

/// What was found, in a line.
fn told(explored: &Explored) -> String {
    let Explored { whole, left_off, pruned, cut, failure, .. } = explored;
    let found = match failure {
        Some(report) => report.violations.first().map_or(report.outcome.word(), |violation| violation.invariant),
        None if *cut == Cut::default() => "all schedules pass",
        None => "no proof",
    };
    format!("{whole} whole, {left_off} left off, {pruned} pruned: {found}")
}

const TURNS: &str = "[turns.short]\nsteps = [{ reply = \"hi\" }]\n\
                     [turns.long]\nsteps = [{ tool = \"terminal\", takes = \"2s\" }, { reply = \"done\" }]\n";

/// S3: the second absence begins at the instant at which the first grace would have been over.
fn second_absence() -> Scenario {
    script(
        &format!("until = \"60s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s desktop prompt.submit work short",
            "3s desktop drop",
            "4s desktop connect",
            "5s desktop session.resume work",
            "23s desktop drop",
        ],
    )
}

/// S2: a session is resumed at the instant at which its connection dies.
fn resumed_as_it_drops() -> Scenario {
    script(
        &format!("until = \"40s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s phone connect",
            "3s desktop prompt.submit work short",
            "5s desktop drop",
            "5s phone session.resume work",
            "7s phone close",
        ],
    )
}

/// S4: a session is resumed at the instant at which it is closed.
fn resumed_as_it_is_closed() -> Scenario {
    script(
        &format!("until = \"40s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s phone connect",
            "3s desktop prompt.submit work short",
            "5s desktop session.close work",
            "5s phone session.resume work",
            "6s desktop close",
            "7s phone close",
        ],
    )
}

/// S8: a session is closed at the instant of its first prompt.
fn closed_as_it_is_prompted() -> Scenario {
    script(
        &format!("until = \"40s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s phone connect",
            "3s desktop prompt.submit work short",
            "3s phone session.close work",
            "4s desktop close",
            "5s phone close",
        ],
    )
}

/// S19: a client dies at the instant at which the turn ends for which its next prompt waits.
fn dies_as_its_prompt_is_due() -> Scenario {
    script(
        &format!("until = \"60s\"\n[gateway]\nbusy_input_mode = \"queue\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s desktop prompt.submit work long",
            "3s desktop prompt.submit work long",
            "4s desktop drop",
        ],
    )
}

#[test]
fn numbers() {
    for (name, scenario, field, alternative) in [
        ("S3", second_absence(), "grace.timers", "pile"),
        ("S2", resumed_as_it_drops(), "attach.disconnect", "snapshot"),
        ("S4", resumed_as_it_is_closed(), "close.order", "pop_then_end"),
        ("S8", closed_as_it_is_prompted(), "claim.row", "plain_insert"),
        ("S8x", Scenario { behavior: vec![("close.turn".into(), "left_running".into())], ..closed_as_it_is_prompted() }, "claim.row", "plain_insert"),
        ("S19", dies_as_its_prompt_is_due(), "queue.delivery", "pinned"),
        ("44045", file("issues/44045_turn_outlives_grace.toml"), "grace.expiry", "one_shot"),
    ] {
        let at = std::time::Instant::now();
        let bounds = Bounds { schedules: 3000, choices: 1000 };
        let only = if name == "S8x" { vec!["detached_rows_end".to_owned()] } else { Vec::new() };
        let exploration = Exploration { bounds, only, ..Exploration::new(Release::Current) };
        let good = exploration.carry_out(&mut Simulator::new(), &scenario);
        println!("{name} good    {} {:?}", told(&good), at.elapsed());
        let bad = exploration.carry_out(&mut Simulator::new(), &planted(&scenario, field, alternative));
        println!("{name} planted {} {:?}", told(&bad), at.elapsed());
    }
}

#[test]
fn small() {
    let store = "[store]\nafter_commit = { min = \"0s\", max = \"1ms\" }\n";
    for (name, scenario) in [
        ("list", script("until = \"2s\"", &["0s ann connect", "1s bob connect", "2s ann session.list", "2s bob session.list"])),
        ("list3", script("until = \"2s\"", &["0s ann connect", "0s bob connect", "0s ann session.list", "0s bob session.list"])),
        ("create", script("until = \"3s\"", &["0s ann connect", "1s ann session.create work", "2s ann close"])),
        ("create2", script("until = \"3s\"", &["0s ann connect", "1s bob connect", "2s ann session.create work", "2s bob session.create play"])),
        ("prompt", script(&format!("until = \"3s\"\n{TURNS}"), &["0s ann connect", "1s ann session.create work", "2s ann prompt.submit work short", "3s ann close"])),
        ("drop", script(&format!("until = \"30s\"\n{TURNS}"), &["0s ann connect", "1s ann session.create work", "2s ann drop"])),
        ("interrupt", script(&format!("until = \"3s\"\n{TURNS}"), &["0s ann connect", "1s ann session.create work", "2s ann prompt.submit work short", "2s ann session.interrupt work"])),
        ("close", script(&format!("until = \"3s\"\n{TURNS}"), &["0s ann connect", "1s ann session.create work", "1s ann close"])),
        ("store", script(&format!("until = \"3s\"\n{store}{TURNS}"), &["0s ann connect", "1s ann session.create work", "2s ann prompt.submit work short"])),
    ] {
        let at = std::time::Instant::now();
        let bounds = Bounds { schedules: 1500, choices: 1000 };
        let exploration = Exploration { bounds, ..Exploration::new(Release::Current) };
        let good = exploration.carry_out_in_full(&mut Simulator::new(), &scenario);
        println!("{name} reduced    {} {} ends {:?}", told(&good), good.ends.len(), at.elapsed());
        let all = Exploration { reduction: Reduction::Off, ..exploration }.carry_out_in_full(&mut Simulator::new(), &scenario);
        println!("{name} unreduced {} {} ends {} {:?}", told(&all), all.ends.len(), all.ends == good.ends, at.elapsed());
    }
}

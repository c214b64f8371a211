//! Tidying: a smaller scenario with rounder times that leaves the same rows.
//!
//! The [`Reducer`] of shrinking offers ever smaller scenarios; here one is kept if every release of the file leaves what it left
//! before, and breaks the same claims. Times of rows may change, since rounding times is the purpose. What was apart stays apart: a file whose events
//! coincide could not be played in real time any more.

use std::collections::BTreeSet;

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use interleaving::strategy::{Fifo, Random, Strategy};
use proptest::strategy::ValueTree;
use sim_harness::report::{Live, Outcome};
use sim_harness::rows::ListedSession;
use sim_harness::simulation::Simulator;
use sim_scenario::{ExpectedFact, FactKind, OnSkip, Scenario, WhichRows};
use sim_search::shrink::Reducer;

/// Events nearer than this may coincide in real time.
const APART: Millis = Millis(500);

/// The result of tidying.
pub struct Tidied {
    /// The smallest scenario that leaves the same rows.
    pub scenario: Scenario,
    /// The number of scenarios that were run.
    pub tries: u64,
    /// The facts that name what is gone.
    pub dropped: Vec<ExpectedFact>,
}

/// What a run leaves, without ids and times.
#[derive(Clone, Debug, PartialEq)]
struct Left {
    rows: Vec<ListedSession>,
    live: (usize, usize, usize),
}

/// The schedules on which a smaller scenario has to leave the same: one that needs a certain order of tasks is no replacement.
const SEEDS: u64 = 3;

/// What a run leaves on the scripted schedule, and how it is judged there.
#[derive(PartialEq)]
struct Shown {
    left: Left,
    violated: BTreeSet<&'static str>,
    outcome: Outcome,
}

/// Makes a scenario smaller, with at most `tries` candidates. The scripted schedule counts, so the scenario has to be one without
/// a tape.
pub fn tidy(simulator: &mut Simulator, scenario: &Scenario, tries: u64) -> Tidied {
    // Facts are about times too, which change; without them a run is judged by its claims.
    let unstated = Scenario { facts: Vec::new(), ..scenario.clone() };
    let of_release = |release: &Release| (*release, shown(&simulator.run_with(&unstated, *release, Box::new(Fifo))));
    let expected: Vec<(Release, Shown)> = scenario.releases.iter().map(of_release).collect();
    let bare = Scenario { facts: Vec::new(), expect: Default::default(), ..scenario.clone() };
    let mut reducer = Reducer::new(bare);
    let (mut run, mut best, close) = (0, None, close(scenario));
    let mut goes_on = reducer.simplify();
    while goes_on && run < tries {
        run += 1;
        let candidate = reducer.current();
        goes_on = if self::close(&candidate) <= close && leaves(simulator, &candidate, &expected) {
            best = Some(candidate);
            reducer.simplify()
        } else {
            reducer.complicate()
        };
    }
    let mut tidied = best.unwrap_or_else(|| scenario.clone());
    let mut holds = |fact: &ExpectedFact| {
        let stated = Scenario { facts: vec![fact.clone()], ..tidied.clone() };
        stated.releases.iter().all(|release| simulator.run_with(&stated, *release, Box::new(Fifo)).unmet.is_empty())
    };
    let (kept, dropped) = scenario.facts.iter().cloned().partition(|fact| is_kept(fact, &tidied) && holds(fact));
    (tidied.facts, tidied.expect, tidied.on_skip) = (kept, scenario.expect.clone(), scenario.on_skip);
    Tidied { scenario: tidied, tries: run, dropped }
}

/// How many events come within half a second of the one before.
fn close(scenario: &Scenario) -> usize {
    let turns = scenario.turns.values().flat_map(|turn| &turn.steps);
    let short = turns.filter_map(|step| step.takes()).filter(|takes| *takes < APART).count();
    let pairs = scenario.steps.windows(2).filter(|pair| pair[1].at.0 - pair[0].at.0 < APART.0).count();
    let last = scenario.steps.last().map_or(0, |step| usize::from(scenario.until.0 - step.at.0 < APART.0));
    short + pairs + last
}

/// Whether a scenario leaves what is expected under each release, on several schedules, and carries out all its steps.
fn leaves(simulator: &mut Simulator, candidate: &Scenario, expected: &[(Release, Shown)]) -> bool {
    expected.iter().all(|(release, expected)| {
        let report = simulator.run_with(candidate, *release, Box::new(Fifo));
        let whole = report.skipped.iter().all(|part| part.on_skip == OnSkip::Allowed);
        let schedules = (0..SEEDS).map(|seed| Box::new(Random::new(seed)) as Box<dyn Strategy>);
        whole
            && shown(&report) == *expected
            && schedules.into_iter().all(|order| of(&simulator.run_with(candidate, *release, order)) == expected.left)
    })
}

fn shown(report: &sim_harness::Report) -> Shown {
    let violated = report.violations.iter().map(|violation| violation.invariant).collect();
    Shown { left: of(report), violated, outcome: report.outcome }
}

fn of(report: &sim_harness::Report) -> Left {
    let timeless = |row: ListedSession| {
        let (id, started_ms, ended_ms) = (String::new(), 0, row.ended_ms.map(|_| 0));
        ListedSession { id, started_ms, ended_ms, ..row }
    };
    let rows = report.rows.listed().into_iter().map(timeless);
    let Live { sessions, timers, turns, .. } = report.live;
    Left { rows: rows.collect(), live: (sessions, timers, turns) }
}

/// Whether a fact is about something that is still there, at the end of the script.
fn is_kept(fact: &ExpectedFact, scenario: &Scenario) -> bool {
    let has = |session: &str| scenario.steps.iter().any(|step| step.action.is_about(session));
    match &fact.kind {
        FactKind::Rows(rows) => {
            let named = match &rows.which {
                WhichRows::Session(session) | WhichRows::Tip(session) => has(session),
                WhichRows::Any | WhichRows::Row(_) => true,
            };
            rows.at.is_none() && rows.messages.is_none() && named
        }
        FactKind::Memory(memory) => memory.at.is_none(),
        FactKind::Frames(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use sim_harness::invariant::NAMES;

    const RECORDED: &str = r#"about = "x"
until = "93412ms"

[turns.turn_1]
steps = [{ sleep = "13ms" }, { tool = "terminal", takes = "2013ms" }, { reply = "text 2" }]

[[steps]]
at = "7ms"
client = "client_1"
do = "connect"

[[steps]]
at = "11ms"
client = "client_1"
do = "session.create"
as = "session_1"

[[steps]]
at = "29ms"
client = "client_1"
do = "session.active_list"

[[steps]]
at = "1412ms"
client = "client_1"
do = "prompt.submit"
session = "session_1"
turn = "turn_1"

[[steps]]
at = "6143ms"
client = "client_1"
do = "drop"

[[expect.rows]]
row = "s1"
message_count = 4
end_reason = "ws_orphan_reap"
"#;

    /// A scenario that shows a bug shows it afterwards, although its rows do not depend on it.
    #[test]
    fn a_broken_claim_stays_broken() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../scenarios/reports/a_resume_takes_the_interrupt_away.toml");
        let scenario = Scenario { tapes: Default::default(), ..Scenario::load(&path, &NAMES).expect("a good file") };
        let mut simulator = Simulator::new();
        let tidied = tidy(&mut simulator, &scenario, 300).scenario;
        for release in &scenario.releases {
            let [before, after] =
                [&scenario, &tidied].map(|scenario| shown(&simulator.run(scenario, *release)).violated);
            assert_eq!(before, after, "{release}: {tidied}");
        }
    }

    /// Times get round and reads go, the rows and the fact about them stay.
    #[test]
    fn what_does_not_matter_is_dropped() {
        let scenario = Scenario::parse(Path::new("x.toml"), RECORDED, &NAMES).expect("a scenario");
        let mut simulator = Simulator::new();
        let tidied = tidy(&mut simulator, &scenario, 5000).scenario;
        let words: Vec<&str> = tidied.steps.iter().map(|step| step.action.word()).collect();
        assert_eq!(words, ["connect", "session.create", "prompt.submit", "drop"], "{tidied}");
        assert!(!tidied.to_toml().contains("ms\""), "{tidied}");
        assert_eq!(tidied.facts, scenario.facts);
        let report = simulator.run(&tidied, Release::Current);
        assert!(report.unmet.is_empty(), "{tidied}");
    }
}

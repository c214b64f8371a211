//! How far independent events of a scenario are apart.
//!
//! Two events are independent if one can move without the other: when a step comes a millisecond later, what it causes comes
//! later as well, and everything else stays. So each step is moved once, and the instants of the runs are compared. What is
//! found in this way needs no list of the causes: a timer moves with the end of its connection, the end of a tool with its
//! prompt. Two steps of one client at one instant move together, so they are looked at on their own.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use interleaving::strategy::Fifo;
use sim_harness::Simulator;
use sim_harness::report::Report;
use sim_harness::trace::Site;
use sim_scenario::{Action, ConnectionStep, PROCESS, ProcessStep, RequestStep, Scenario, Step};

/// What real time orders: sockets, threads and a database file take some milliseconds each.
pub const NEAR: Millis = Millis(300);

/// Two events that real time may order in another way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{one} is {distance} from {other}, at least {NEAR} are needed")]
pub struct TooNear {
    /// The first event, by its step, its frame or as a timer.
    pub one: String,
    /// The second.
    pub other: String,
    /// How far they are apart.
    pub distance: Millis,
}

/// The smallest distance between independent events.
///
/// # Errors
/// Two are nearer than [`NEAR`].
pub fn smallest(simulator: &mut Simulator, scenario: &Scenario, release: Release) -> Result<Millis, TooNear> {
    if let Some(crowded) = crowded(scenario) {
        return Err(crowded);
    }
    let run = Run::of(simulator, scenario, release);
    let until = scenario.until.0;
    let mut nearest: Option<TooNear> = None;
    let mut near = |one: u64, other: u64| {
        let distance = Millis(one.abs_diff(other));
        if nearest.as_ref().is_none_or(|nearest| distance < nearest.distance) {
            let second = if one == other { run.beside(scenario, one) } else { run.name(scenario, other) };
            nearest = Some(TooNear { one: run.name(scenario, one), other: second, distance });
        }
    };
    for (at, client) in groups(scenario) {
        let moved = Run::of(simulator, &later(scenario, at, client), release);
        // Clients that connect do nothing yet, so it does not matter which is first.
        let others = scenario.steps.iter().filter(|step| step.at.0 == at && step.client != client);
        let others = others.filter(|step| step.action.word() != "connect").count();
        let shared = scenario.steps.iter().any(|step| step.at.0 == at && step.client != client);
        // The gateway starts at the instant zero.
        let stays = at > 0 && !shared && moved.instants.contains(&at);
        if others > 0 || stays {
            near(at, at);
        }
        let goes = |instant: u64| {
            instant == at || !moved.instants.contains(&instant) && moved.instants.contains(&(instant + 1))
        };
        let instants: Vec<u64> = run.instants.iter().copied().collect();
        for pair in instants.windows(2) {
            if goes(pair[0]) != goes(pair[1]) {
                near(pair[0], pair[1]);
            }
        }
    }
    if let Some(last) = run.instants.iter().copied().filter(|instant| *instant <= until).max() {
        near(last, until);
    }
    // The package is read a moment after the end of the script.
    let longer = Scenario { until: scenario.until + NEAR, ..scenario.clone() };
    let later = Run::of(simulator, &longer, release);
    if let Some(next) = later.instants.iter().copied().find(|instant| *instant > until) {
        near(until, next);
    }
    match nearest {
        Some(nearest) if nearest.distance < NEAR => Err(nearest),
        Some(nearest) => Ok(nearest.distance),
        None => Ok(Millis(u64::MAX)),
    }
}

/// The events of a run, by instant, without ids and times: two scenarios with equal ones do the same in the same order.
pub(crate) fn order(simulator: &mut Simulator, scenario: &Scenario, release: Release) -> Vec<BTreeSet<String>> {
    let run = Run::of(simulator, scenario, release);
    let named = |instant: &u64| {
        let mut names = run.names.get(instant).cloned().unwrap_or_default();
        names.extend(steps(scenario, *instant));
        names
    };
    run.instants.iter().map(named).collect()
}

/// The instants of a run until the end of its script.
struct Run {
    instants: BTreeSet<u64>,
    /// What frames and store calls say about an instant.
    names: BTreeMap<u64, BTreeSet<String>>,
}

impl Run {
    fn of(simulator: &mut Simulator, scenario: &Scenario, release: Release) -> Self {
        let report = simulator.run_with(scenario, release, Box::new(Fifo));
        let instants = report.instants.iter().map(|instant| instant.at.0);
        Self { instants: instants.filter(|at| *at <= scenario.until.0).collect(), names: names(&report) }
    }

    /// A name for what happens at the instant of a step and is none of its own.
    fn beside(&self, scenario: &Scenario, instant: u64) -> String {
        let clients: BTreeSet<&str> =
            scenario.steps.iter().filter(|step| step.at.0 == instant).map(|step| step.client.as_str()).collect();
        let what = match (clients.len(), self.names.get(&instant).and_then(BTreeSet::first)) {
            (2.., _) => "a step of another client".to_owned(),
            (_, Some(name)) => name.clone(),
            (_, None) => "a timer".to_owned(),
        };
        format!("{what} at {}", Millis(instant))
    }

    /// A name for what happens at an instant.
    fn name(&self, scenario: &Scenario, instant: u64) -> String {
        let at = Millis(instant);
        let steps: Vec<String> = steps(scenario, instant).into_iter().collect();
        let mut known = self.names.get(&instant).into_iter().flatten();
        let frame = known.next();
        match (steps.as_slice(), frame) {
            ([], None) if instant == scenario.until.0 => format!("the end of the script at {at}"),
            ([], Some(name)) => format!("{name} at {at}"),
            ([], None) => format!("a timer at {at}"),
            (steps, _) => format!("{} at {at}", steps.join(" and ")),
        }
    }
}

/// The steps of an instant: `` `drop` of desktop ``.
fn steps(scenario: &Scenario, instant: u64) -> BTreeSet<String> {
    scenario.steps.iter().filter(|step| step.at.0 == instant).map(named).collect()
}

fn named(step: &Step) -> String {
    let word = step.action.word();
    if step.client == PROCESS { format!("`{word}`") } else { format!("`{word}` of {}", step.client) }
}

/// A step at the instant of an earlier one of its client that it does not wait for: what that one sets off goes on beside it.
/// Only a connection, a new session and the end of a killed process are waited for.
fn crowded(scenario: &Scenario) -> Option<TooNear> {
    let is_awaited = |step: &Step| {
        let action = &step.action;
        matches!(
            action,
            Action::Connection(ConnectionStep::Connect { .. })
                | Action::Request(RequestStep::Create { .. })
                | Action::Process(ProcessStep::Kill)
        )
    };
    scenario.steps.iter().enumerate().filter(|(_, step)| !is_awaited(step)).find_map(|(place, one)| {
        let mut later = scenario.steps[place + 1..].iter();
        let next = later.find(|next| next.at == one.at && next.client == one.client)?;
        let at = |step: &Step| format!("{} at {}", named(step), step.at);
        Some(TooNear { one: at(one), other: at(next), distance: Millis::ZERO })
    })
}

/// What frames and commits happen at each instant.
fn names(report: &Report) -> BTreeMap<u64, BTreeSet<String>> {
    let mut names: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for entry in report.trace.entries() {
        let name = match entry.site {
            Site::Received => received(&entry.text),
            Site::Commit => {
                let write = entry.text.split([' ', '(', '{']).next().unwrap_or_default();
                Some(format!("the write `{write}`"))
            }
            _ => None,
        };
        if let Some(name) = name {
            names.entry(entry.at.0).or_default().insert(name);
        }
    }
    names
}

/// The event of a frame; none for an answer, which follows its request.
fn received(frame: &str) -> Option<String> {
    let frame: serde_json::Value = serde_json::from_str(frame).ok()?;
    let kind = frame["params"]["type"].as_str()?;
    Some(format!("`{kind}`"))
}

/// The steps of one client at one instant, which its connection keeps in order.
fn groups(scenario: &Scenario) -> BTreeSet<(u64, &str)> {
    scenario.steps.iter().map(|step| (step.at.0, step.client.as_str())).collect()
}

/// The scenario with the steps of a client at an instant a millisecond later.
fn later(scenario: &Scenario, at: u64, client: &str) -> Scenario {
    let mut moved = scenario.clone();
    for step in moved.steps.iter_mut().filter(|step| step.client == client && step.at.0 == at) {
        step.at = Millis(at + 1);
    }
    moved.steps.sort_by_key(|step| step.at);
    moved.until = moved.until.max(Millis(at + 1));
    moved
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use sim_harness::invariant::NAMES;

    fn scenario(drop: &str, tool: &str, phone: &str) -> Scenario {
        let text = format!(
            "about = \"x\"\nuntil = \"60s\"\n[turns.a]\nsteps = [{{ tool = \"terminal\", takes = \"{tool}\" }}]\n\
             [[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n\
             [[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"session.create\"\nas = \"x\"\n\
             [[steps]]\nat = \"1s\"\nclient = \"a\"\ndo = \"prompt.submit\"\nsession = \"x\"\nturn = \"a\"\n\
             [[steps]]\nat = \"{drop}\"\nclient = \"a\"\ndo = \"drop\"\n\
             [[steps]]\nat = \"{phone}\"\nclient = \"b\"\ndo = \"connect\"\n"
        );
        Scenario::parse(Path::new("x.toml"), &text, &NAMES).expect("a scenario")
    }

    #[track_caller]
    fn check(scenario: &Scenario, expected: Result<u64, (&str, &str, u64)>) {
        let found = smallest(&mut Simulator::new(), scenario, Release::V0_19_0);
        let expected = expected.map(Millis).map_err(|(one, other, distance)| TooNear {
            one: one.to_owned(),
            other: other.to_owned(),
            distance: Millis(distance),
        });
        assert_eq!(found, expected);
    }

    /// A step is compared with the end of a tool, a timer with the end of a tool, and a step with that of another client; two
    /// events of which one causes the other may be near.
    #[test]
    fn near_events_are_named() {
        check(&scenario("6s", "3s", "10s"), Ok(950));
        let drop = "`drop` of a at 6.000s";
        check(&scenario("6s", "4900ms", "10s"), Err(("`message.complete` at 5.900s", drop, 100)));
        check(&scenario("6s", "5s", "10s"), Err((drop, "the write `Append` at 6.000s", 0)));
        check(&scenario("6s", "25100ms", "10s"), Err(("a timer at 26.000s", "the write `Append` at 26.100s", 100)));
        check(&scenario("6s", "3s", "6200ms"), Err((drop, "`connect` of b at 6.200s", 200)));
        check(
            &scenario("6s", "3s", "59900ms"),
            Err(("`connect` of b at 59.900s", "the end of the script at 60.000s", 100)),
        );
        check(
            &scenario("6s", "59100ms", "10s"),
            Err(("the end of the script at 60.000s", "the write `Append` at 60.100s", 100)),
        );
        // The client waits for its connection and its session, and not for its prompt.
        let prompt = "`prompt.submit` of a at 1.000s";
        check(&scenario("1s", "3s", "10s"), Err((prompt, "`drop` of a at 1.000s", 0)));
    }

    /// A kill is over at once, so a start may share its instant. After a signal the process decides when it ends.
    #[test]
    fn a_start_may_share_the_instant_of_a_kill() {
        let with = |end: &str| {
            let step = |step: &str| format!("\n[[steps]]\nat = \"12s\"\ndo = {step}\n");
            let text = scenario("6s", "3s", "10s").to_toml() + &step(end) + &step("\"gateway.restart\"");
            Scenario::parse(Path::new("x.toml"), &text, &NAMES).expect("a scenario")
        };
        check(&with("\"gateway.kill\""), Ok(950));
        let (signal, restart) = ("`gateway.signal` at 12.000s", "`gateway.restart` at 12.000s");
        check(&with("\"gateway.signal\"\nsignal = \"TERM\""), Err((signal, restart, 0)));
    }
}

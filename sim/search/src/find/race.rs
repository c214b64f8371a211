//! Races: another client acts while a race window may be open.
//!
//! A window opens at a step about a session, at a step of its turn, when the connection of its client ends, a grace after
//! that, and when the idle reaper scans. Steps that are drawn one by one seldom meet such a moment.

use std::collections::BTreeSet;

use gateway_core::clock::Millis;
use interleaving::prng::Prng;
use sim_scenario::{Action, ConnectionStep, Memory, PROCESS, ProcessStep, Prompt, RequestStep, Scenario, Step};

use crate::comeback;

/// The client that races with those of the script.
const RACER: &str = "tablet";

/// An instant at which a window may open.
struct Moment {
    at: Millis,
    session: String,
    /// The client whose request it is; it may be lost meanwhile.
    client: Option<String>,
}

/// Adds one or two races to a scenario whose windows stay open for this length.
pub(super) fn add(prng: &mut Prng, scenario: &mut Scenario, length: Millis) {
    let moments = moments(scenario);
    if moments.is_empty() {
        return;
    }
    for _ in 0..1 + prng.below(2) {
        let moment = prng.one(&moments);
        let at = moment.at + Millis(1 + prng.below(usize::try_from(length.0).expect("it is short")) as u64);
        let (session, connect) = (moment.session.clone(), ConnectionStep::Connect { memory: Memory::Kept });
        let mut racing = vec![comeback::step(moment.at, RACER, connect.into())];
        match (prng.below(6), &moment.client) {
            (0, Some(client)) => racing = vec![comeback::step(at, client, ConnectionStep::Drop.into())],
            (1 | 2, _) => racing.push(comeback::step(at, RACER, RequestStep::CloseSession { session }.into())),
            (way, _) => {
                racing.push(comeback::step(at, RACER, comeback::resume(session.clone()).into()));
                // Who has resumed a session goes on with it: only then do its rows show whether it is still theirs.
                if way > 3 {
                    let at = at + *prng.one(&[Millis(1), length, Millis::from_secs(8)]);
                    racing.push(comeback::step(at, RACER, prompt(prng, scenario, session)));
                }
            }
        }
        comeback::add(scenario, racing);
    }
}

fn prompt(prng: &mut Prng, scenario: &Scenario, session: String) -> Action {
    let turns: Vec<&String> = scenario.turns.keys().collect();
    let prompt = match turns.is_empty() || prng.hits(1, 2) {
        true => Prompt::Text("still there?".to_owned()),
        false => Prompt::Turn((*prng.one(&turns)).clone()),
    };
    RequestStep::Prompt { session, prompt, truncate: None, key: None }.into()
}

fn moments(scenario: &Scenario) -> Vec<Moment> {
    let mut moments = Vec::new();
    for (place, step) in scenario.steps.iter().enumerate() {
        let before = &scenario.steps[..place];
        let grace = scenario.gateway.orphan_grace;
        if step.action.leaves() {
            let sessions = sessions(before, Some(&step.client));
            moments.extend(of_others(step.at, &sessions));
            moments.extend(of_others(step.at + grace, &sessions));
        } else if step.action == Action::Process(ProcessStep::ScanIdle) {
            moments.extend(of_others(step.at, &sessions(before, None)));
        } else {
            moments.extend(of_request(scenario, step));
        }
    }
    moments
}

/// The same moment for each of these sessions, at which no client has asked for anything.
fn of_others(at: Millis, sessions: &BTreeSet<&str>) -> Vec<Moment> {
    sessions.iter().map(|session| Moment { at, session: (*session).to_owned(), client: None }).collect()
}

/// The moments of a request about a session: its own, and for a prompt those of the steps of its turn.
fn of_request(scenario: &Scenario, step: &Step) -> Vec<Moment> {
    let Some(session) = step.action.session().filter(|_| step.client != PROCESS) else { return Vec::new() };
    let mut instants = vec![step.at];
    let turn = step.action.turn().and_then(|turn| scenario.turns.get(turn));
    for takes in turn.iter().flat_map(|turn| &turn.steps).filter_map(|step| step.takes()) {
        let last = instants.last().copied().unwrap_or_default();
        instants.push(last + takes);
    }
    let of = |at| Moment { at, session: session.to_owned(), client: Some(step.client.clone()) };
    instants.into_iter().map(of).collect()
}

/// The sessions that the steps have named, by any client or by this one.
fn sessions<'a>(steps: &'a [Step], client: Option<&str>) -> BTreeSet<&'a str> {
    let by = steps.iter().filter(|step| client.is_none_or(|client| step.client == client));
    by.flat_map(|step| [step.action.names(), step.action.session()]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::generate;
    use crate::shrink::tidy;
    use sim_harness::invariant::NAMES;

    /// Windows open at requests about a session, at the steps of its turn, when its client's connection ends and a grace
    /// later, and when the reaper scans; not when a client connects, and not for the sessions of other clients.
    #[test]
    fn moments_are_where_windows_open() {
        let step = |at: &str, client: &str, rest: &str| {
            format!("[[steps]]\nat = \"{at}\"\nclient = \"{client}\"\ndo = {rest}\n")
        };
        let steps = [
            step("0s", "desktop", "\"connect\""),
            step("0s", "desktop", "\"session.create\"\nas = \"work\""),
            step("1s", "phone", "\"connect\""),
            step("1s", "phone", "\"session.create\"\nas = \"chat\""),
            step("2s", "desktop", "\"prompt.submit\"\nsession = \"work\"\nturn = \"long\""),
            step("9s", "desktop", "\"drop\""),
            "[[steps]]\nat = \"40s\"\ndo = \"gateway.scan_idle\"\n".to_owned(),
        ];
        let turn = "[turns.long]\nsteps = [{ tool = \"terminal\", takes = \"3s\" }, { say = \"so far\" }, { sleep = \"4s\" }]\n";
        let text = format!("about = \"x\"\nreleases = [\"current\"]\nuntil = \"90s\"\n{turn}{}", steps.concat());
        let scenario = Scenario::parse(Path::new("x.toml"), &text, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<String> = moments(&scenario)
            .iter()
            .map(|moment| format!("{} {} {}", moment.at, moment.session, moment.client.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(
            found,
            [
                "2.000s work desktop",
                "5.000s work desktop",
                "9.000s work desktop",
                "9.000s work -",
                "29.000s work -",
                "40.000s chat -",
                "40.000s work -",
            ]
        );
    }

    /// A scenario with races is a valid file once it is tidied and lasts long enough, as each candidate does, and nearly always has a
    /// step more.
    #[test]
    fn races_are_valid_steps() {
        let mut raced = 0;
        for seed in 0..200 {
            let mut scenario = generate::scenario(seed);
            let before = scenario.steps.len();
            add(&mut Prng::stream(seed, "race"), &mut scenario, Millis::from_secs(2));
            tidy(&mut scenario);
            scenario.until = scenario.default_until();
            raced += usize::from(scenario.steps.len() > before);
            let text = scenario.to_toml();
            if let Err(error) = Scenario::parse(&scenario.path, &text, &NAMES) {
                panic!("seed {seed}: {error}\n{text}");
            }
        }
        assert!(raced > 150, "only {raced} of 200 have a race");
    }
}

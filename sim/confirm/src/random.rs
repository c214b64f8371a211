//! A campaign against the package: scenarios whose events keep their distance, groups of differences, and small scenarios
//! that show them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gateway_core::agent::script::{OnInterrupt, TurnScript, TurnStep};
use gateway_core::agent::{CompressionMode, QuestionKind};
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use interleaving::prng::Prng;
use sim_harness::Simulator;
use sim_harness::invariant::NAMES;
use sim_scenario::{
    Action, AnsweredQuestion, ConnectionStep, Memory, Naming, OnDisconnect, OnSkip, Prompt, RequestStep, ResumeMode,
    ResumeTarget, Scenario, Start, Step,
};

use super::prepare::{Pace, prepare};

/// The scenario of a seed, as it is played: the first that is drawn and can be played.
///
/// # Panics
/// Not one of ten thousand drawn scenarios can be played.
pub fn scenario(simulator: &mut Simulator, seed: u64, release: Release) -> Scenario {
    let mut prng = Prng::stream(seed, "confirm");
    for _ in 0..10_000 {
        let drawn = Draft::draw(&mut prng, seed, release);
        let Ok(scenario) = Scenario::parse(&drawn.path, &drawn.to_toml(), &NAMES) else { continue };
        if let Ok(played) = prepare(simulator, &scenario, release, Pace::Exact) {
            return played;
        }
    }
    unreachable!("one of ten thousand drawn scenarios can be played")
}

/// The kind of a difference, which scenarios share: without numbers, ids and the values beside them.
pub fn kind(difference: &str) -> String {
    let text = difference.split(": expected").next().unwrap_or_default();
    let expected = difference.split_once("expected ").map_or("", |(_, rest)| rest);
    let plain = |text: &str| {
        let digits = text.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter });
        let mut plain = String::new();
        digits.for_each(|letter| {
            if !(letter == '#' && plain.ends_with('#')) {
                plain.push(letter);
            }
        });
        plain
    };
    let values = expected.split([',', '"']).next().unwrap_or_default();
    format!("{}: expected {}", plain(text), plain(values))
}

/// A scenario that is being drawn.
struct Draft<'a> {
    prng: &'a mut Prng,
    at: u64,
    steps: Vec<Step>,
    turns: BTreeMap<String, TurnScript>,
    /// The sessions that have a name, and how often each was titled.
    sessions: Vec<String>,
    connected: BTreeSet<&'static str>,
    titles: usize,
}

const CLIENTS: [&str; 2] = ["desktop", "phone"];

/// The words of a script and their weights.
const WORDS: [(u32, &str); 16] = [
    (14, "prompt.submit"),
    (8, "drop"),
    (3, "close"),
    (9, "session.resume"),
    (4, "session.create"),
    (4, "session.interrupt"),
    (4, "session.close"),
    (3, "session.title"),
    (2, "session.undo"),
    (2, "session.steer"),
    (3, "session.compress"),
    (3, "session.branch"),
    (2, "session.activate"),
    (2, "session.delete"),
    (4, "answer"),
    (1, "session.list"),
];

impl<'a> Draft<'a> {
    fn draw(prng: &'a mut Prng, seed: u64, release: Release) -> Scenario {
        let grace = Millis(1000 + 100 * prng.below(15) as u64);
        let busy_input_mode = *prng.one(&["interrupt", "queue", "interrupt"]);
        let turns = (0..1 + prng.below(3)).map(|number| (format!("turn_{}", number + 1), turn(prng))).collect();
        let mut draft =
            Self { prng, at: 0, steps: Vec::new(), turns, sessions: Vec::new(), connected: BTreeSet::new(), titles: 0 };
        draft.connect(CLIENTS[0]);
        draft.create(CLIENTS[0]);
        for _ in 0..3 + draft.prng.below(6) {
            draft.at += 600 + 100 * draft.prng.below(20) as u64;
            draft.step();
        }
        let (steps, turns) = (draft.steps, draft.turns);
        let gateway = Config {
            orphan_grace: grace,
            busy_input_mode: serde_json::from_value(busy_input_mode.into()).unwrap_or_default(),
            ..Config::default()
        };
        let mut scenario = Scenario {
            name: "random".to_owned(),
            path: PathBuf::from("random.toml"),
            about: format!("Drawn from seed {seed}."),
            issues: Vec::new(),
            releases: vec![release],
            seed: 0,
            until: Millis::ZERO,
            gateway,
            behavior: Vec::new(),
            network: Default::default(),
            store: Default::default(),
            windows: BTreeMap::new(),
            agent: Default::default(),
            rows: Vec::new(),
            turns,
            steps,
            expect: BTreeMap::new(),
            facts: Vec::new(),
            on_skip: OnSkip::Fails,
            tapes: BTreeMap::new(),
        };
        let used: BTreeSet<String> =
            scenario.steps.iter().filter_map(|step| step.action.turn()).map(str::to_owned).collect();
        scenario.turns.retain(|name, _| used.contains(name));
        let longest = scenario.turns.values().map(TurnScript::length).max().unwrap_or_default();
        let last = scenario.steps.last().map_or(Millis::ZERO, |step| step.at);
        scenario.until = last + longest + grace + Millis(1000);
        scenario
    }

    fn step(&mut self) {
        let client = *self.prng.one(&CLIENTS);
        if !self.connected.contains(client) {
            return self.connect(client);
        }
        let Some(word) = self.prng.weighted(&WORDS) else { return };
        let session = self.prng.one(&self.sessions).clone();
        let request = match word {
            "drop" | "close" => {
                self.connected.remove(client);
                let step = if word == "drop" { ConnectionStep::Drop } else { ConnectionStep::Close };
                return self.push(client, step);
            }
            "session.create" => return self.create(client),
            "prompt.submit" => {
                let turns: Vec<String> = self.turns.keys().cloned().collect();
                let prompt = Prompt::Turn(self.prng.one(&turns).clone());
                RequestStep::Prompt { session, prompt, truncate: None, key: None }
            }
            "session.resume" => RequestStep::Resume {
                session,
                target: ResumeTarget::Stored,
                name: None,
                model: None,
                last_seen: None,
                mode: ResumeMode::Continue,
            },
            "session.interrupt" => RequestStep::Interrupt { session },
            "session.close" => RequestStep::CloseSession { session },
            "session.title" => {
                self.titles += 1;
                RequestStep::Title { session, title: Some(format!("title {}", self.titles)) }
            }
            "session.undo" => RequestStep::Undo { session },
            "session.steer" => RequestStep::Steer { session, text: "go on".to_owned() },
            "session.compress" => RequestStep::Compress { session },
            "session.branch" => {
                let name = self.name();
                RequestStep::Branch { session, name }
            }
            "session.activate" => RequestStep::Activate { session },
            "session.delete" => RequestStep::Delete { session, target: ResumeTarget::Stored },
            "answer" => RequestStep::Answer {
                session,
                text: Some("once".to_owned()),
                to: AnsweredQuestion::Last,
                naming: Naming::Own,
            },
            _ => RequestStep::List,
        };
        self.push(client, request);
    }

    fn connect(&mut self, client: &'static str) {
        self.connected.insert(client);
        self.push(client, ConnectionStep::Connect { memory: Memory::Kept });
    }

    fn create(&mut self, client: &'static str) {
        let name = self.name();
        let (title, model, start) = (None, None, Start::default());
        self.push(client, RequestStep::Create { name, title, model, on_disconnect: OnDisconnect::Keep, start });
    }

    fn name(&mut self) -> String {
        let name = format!("session_{}", self.sessions.len() + 1);
        self.sessions.push(name.clone());
        name
    }

    fn push(&mut self, client: &str, action: impl Into<Action>) {
        let (at, client) = (Millis(self.at), client.to_owned());
        self.steps.push(Step { at, client, action: action.into(), on_skip: OnSkip::Fails, line: 0 });
    }
}

fn turn(prng: &mut Prng) -> TurnScript {
    let step = |prng: &mut Prng| {
        let takes = Millis(300 + 100 * prng.below(30) as u64);
        match prng.below(10) {
            0..=3 => {
                let interrupt = if prng.hits(1, 6) { OnInterrupt::SitThrough } else { OnInterrupt::Stop };
                TurnStep::Tool { name: "terminal".to_owned(), takes, interrupt }
            }
            4 | 5 => {
                let mode = *prng.one(&[CompressionMode::Rotate, CompressionMode::Default, CompressionMode::InPlace]);
                TurnStep::Compress { mode, takes }
            }
            6 => TurnStep::Say { text: "let me see".to_owned() },
            7 => TurnStep::Sleep { takes },
            8 => TurnStep::Ask { kind: QuestionKind::Clarify, text: "which?".to_owned() },
            _ => TurnStep::Ask { kind: QuestionKind::Approval, text: "rm".to_owned() },
        }
    };
    let mut steps: Vec<TurnStep> = (0..1 + prng.below(4)).map(|_| step(prng)).collect();
    if prng.hits(1, 8) {
        steps.push(TurnStep::Error { message: "broken".to_owned() });
    }
    TurnScript { steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every seed has a scenario that can be played, always the same.
    #[test]
    fn a_seed_is_a_playable_scenario() {
        let mut simulator = Simulator::new();
        for seed in 0..20 {
            let first = scenario(&mut simulator, seed, Release::V0_19_0);
            assert_eq!(first, scenario(&mut simulator, seed, Release::V0_19_0));
            assert!(prepare(&mut simulator, &first, Release::V0_19_0, Pace::Exact).is_ok());
        }
    }

    /// Differences of one kind differ in numbers and values only.
    #[test]
    fn kinds_are_shared() {
        let one = kind("s2.ended_at: expected 6.000s, found NULL");
        assert_eq!(one, kind("s1.ended_at: expected 12.100s, found 3.000s"));
        assert_ne!(one, kind("s1.end_reason: expected ws_orphan_reap, found NULL"));
        assert_ne!(
            kind("events of a, number 3: expected error, found nothing"),
            kind("events of a, number 3: expected tool.start terminal, found error")
        );
    }
}

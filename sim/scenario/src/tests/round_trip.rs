//! Random scenarios parse back after printing.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use gateway_core::agent::CompressionMode;
use gateway_core::agent::script::{OnInterrupt, ParallelTool, TurnScript, TurnStep};
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};

use super::NAMES;
use crate::step::written;
use crate::*;
use interleaving::tape::{Choice, Tape};

/// Every scenario prints as a file that parses back as an equal scenario.
#[test]
fn scenarios_read_back() {
    // A fixed seed: the same cases on every machine, and no file outside of the repository.
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, random).run(&scenarios(), |scenario| {
        for step in &scenario.steps {
            let table: Vec<&str> = step.action.entry().keys.iter().map(|key| key.name).collect();
            let places: Vec<Option<usize>> =
                written(&step.action).iter().map(|(key, _)| table.iter().position(|known| known == key)).collect();
            prop_assert!(places.is_sorted() && !places.contains(&None), "{:?} has other keys", step.action);
        }
        let text = scenario.to_toml();
        let read = Scenario::parse(&scenario.path, &text, &NAMES);
        let read = read.map_err(|error| TestCaseError::fail(format!("{error:?} in\n{text}")))?;
        prop_assert_eq!(read, scenario);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let turns = vec((texts(), vec(turn_steps(), 0..4)), 0..3);
    let settings =
        (lengths(), select(vec![Config::default().source, "cli \"x\"".to_owned()]), latencies(), latencies());
    let store = (vec(store_faults(), 0..3), odds());
    let draws = vec((0..30_000_u64, 0..2_usize, 0..30_u8, texts()), 0..12);
    let expected = prop_oneof![
        Just(Expected::Outcome(ExpectedOutcome::NotAtRest)),
        vec(select(NAMES.known.to_vec()), 1..3)
            .prop_map(|names| Expected::Violates(names.into_iter().map(str::to_owned).collect())),
    ];
    let until = proptest::option::of(0..1000_u64);
    let head = (texts(), vec(texts(), 0..3), any::<u64>(), any::<bool>(), until, tapes());
    (head, settings, store, turns, draws, expected).prop_map(|(head, settings, store, turns, draws, expected)| {
        let (faults, odds) = store;
        let (about, issues, seed, both, until_after_last_step, tape) = head;
        let (orphan_grace, source, latency, after_commit) = settings;
        let turns = turns.into_iter().map(|(name, steps)| (format!("turn {name}"), TurnScript { steps })).collect();
        let steps = script(draws, &turns);
        let behavior = Release::V0_16_0.differences().iter().take(issues.len());
        let mut scenario = Scenario {
            name: "random".to_owned(),
            path: PathBuf::from("found/random.toml"),
            about,
            issues,
            releases: if both { vec![Release::Current, Release::V0_16_0] } else { vec![Release::Current] },
            seed,
            until: Millis::ZERO,
            gateway: Config { orphan_grace, source, ..Config::default() },
            behavior: behavior.map(|(field, alternative)| ((*field).to_owned(), (*alternative).to_owned())).collect(),
            network: NetworkSettings {
                latency,
                buffer: NonZeroU32::new(1 + seed as u32 % 99).expect("more than zero"),
                ping: Millis::from_secs(seed % 3),
            },
            store: StoreSettings {
                after_commit,
                after_lookup: after_commit,
                faults,
                odds,
                journal: Journal::ALL[seed as usize % 2],
                ..StoreSettings::default()
            },
            windows: BTreeMap::from([(Window::PoppedNotEnded, Latency { min: Millis(1), max: Millis(1 + seed % 9) })]),
            agent: AgentSettings {
                build: Millis(seed % 7),
                first_build: (0..seed % 3).map(|place| Millis(place + seed % 11)).collect(),
                failures: (seed % 3) as u32,
                summary: Millis(seed % 5),
            },
            rows: Vec::new(),
            turns,
            steps,
            expect: BTreeMap::from([(Release::Current, expected)]),
            facts: Vec::new(),
            // Steps that are drawn without a story need not have an effect, which is an error otherwise.
            on_skip: OnSkip::Allowed,
            tapes: tape.into_iter().map(|tape| (Release::Current, tape)).collect(),
        };
        scenario.until = match until_after_last_step {
            Some(after) => scenario.steps.last().map(|step| step.at + Millis(after)).unwrap_or_default(),
            None => scenario.default_until(),
        };
        scenario
    })
}

/// No tape, or a short one.
fn tapes() -> impl Strategy<Value = Option<Tape>> {
    let choices = vec(("[a-z.]{1,8}", vec("[a-z0-9/#']{1,6}", 2..4)), 0..3);
    proptest::option::of(choices.prop_map(|choices| {
        let choice = |(site, among): (String, Vec<String>)| Choice { site, pick: among.len() - 1, among };
        Tape { choices: choices.into_iter().map(choice).collect() }
    }))
}

/// A request that reads a session.
fn look(draw: u64, session: String) -> RequestStep {
    match draw % 3 {
        0 => RequestStep::History { session },
        1 => RequestStep::Status { session },
        _ => RequestStep::Usage { session },
    }
}

/// A resume with every key that goes with a new name, or with few.
fn resume(draw: u64, session: String, name: Option<String>) -> RequestStep {
    let is_full = name.is_some();
    let (target, mode) = match (is_full, draw % 2) {
        (true, _) => (ResumeTarget::Tip, ResumeMode::ContinueWithAgent),
        (false, 0) => (ResumeTarget::Stored, ResumeMode::ReadOnly),
        (false, _) => (ResumeTarget::Title, ResumeMode::ReadOnly),
    };
    let model = (is_full && draw.is_multiple_of(3)).then(|| "small".to_owned());
    RequestStep::Resume { session, target, name, model, last_seen: Some(draw).filter(|_| is_full), mode }
}

/// A script that the checks accept: a drawn action is carried out as soon as its client is connected. Never empty.
fn script(draws: Vec<(u64, usize, u8, String)>, turns: &BTreeMap<String, TurnScript>) -> Vec<Step> {
    let mut at = Millis::ZERO;
    let mut connected = [false; 2];
    let mut sessions = 0;
    let mut steps = Vec::new();
    for (gap, client, kind, text) in draws {
        at = at + Millis(gap);
        let session = format!("s-{}", gap % sessions.max(1));
        let action: Action = match kind {
            _ if !connected[client] => {
                let memory = if gap % 2 == 0 { Memory::Kept } else { Memory::Lost };
                ConnectionStep::Connect { memory }.into()
            }
            0 => ConnectionStep::Close.into(),
            1 => ConnectionStep::Drop.into(),
            2 => RequestStep::List.into(),
            3 => {
                let parent = (sessions > 0).then_some(session);
                let start = Start { source: Some(text.clone()), parent, seed: vec![text.clone(), String::new()] };
                let (name, title) = (format!("s-{sessions}"), Some(text));
                let model = Some(format!("model-{gap}"));
                RequestStep::Create { name, title, model, on_disconnect: OnDisconnect::Close, start }.into()
            }
            _ if sessions == 0 => {
                let (name, on_disconnect) = (format!("s-{sessions}"), OnDisconnect::Keep);
                RequestStep::Create { name, title: None, model: None, on_disconnect, start: Start::default() }.into()
            }
            4 => {
                let prompt = turns.keys().next().map_or(Prompt::Text(text), |turn| Prompt::Turn(turn.clone()));
                let key = Some(format!("key-{sessions}"));
                RequestStep::Prompt { session, prompt, truncate: None, key }.into()
            }
            5 => {
                let prompt = if gap % 2 == 0 || turns.is_empty() { Prompt::Text(text) } else { Prompt::Continue };
                let truncate = i64::try_from(gap).ok().map(|gap| gap % 9 - 4).filter(|ordinal| *ordinal != 0);
                RequestStep::Prompt { session, prompt, truncate, key: None }.into()
            }
            6 => resume(gap, session, Some(format!("s-{sessions}"))).into(),
            7 => resume(gap, session, None).into(),
            8 => RequestStep::Title { session, title: Some(text).filter(|_| gap % 2 == 0) }.into(),
            9 => look(gap, session).into(),
            10 => RequestStep::Undo { session }.into(),
            11 => RequestStep::Steer { session, text }.into(),
            12 => RequestStep::Compress { session }.into(),
            13 => RequestStep::Branch { session, name: format!("s-{sessions}") }.into(),
            14 => RequestStep::Delete { session, target: ResumeTarget::Tip }.into(),
            15 => RequestStep::MostRecent.into(),
            16 => ProcessStep::CliNew { session }.into(),
            17..26 => fault(kind, Millis(gap)),
            26 => ProcessStep::Restart { changes: changes(gap, &text) }.into(),
            27 => RequestStep::EventsSince { session, last_seen: Some(gap).filter(|gap| gap % 2 == 0) }.into(),
            _ => RequestStep::Interrupt { session }.into(),
        };
        match action.presence() {
            Presence::Connects => connected[client] = true,
            Presence::Disconnects => connected[client] = false,
            Presence::Connected | Presence::DisconnectsAll | Presence::NoClient => {
                sessions += u64::from(action.names().is_some());
            }
        }
        let client = if action.is_of_process() { PROCESS.to_owned() } else { format!("client_{client}") };
        steps.push(Step { at, client, action, on_skip: OnSkip::of(gap % 5 == 0), line: 0 });
    }
    if steps.is_empty() {
        steps.push(only_step(at));
    }
    steps
}

/// Settings of each type: a text, a duration, a number, a flag, and one that may be left out.
fn changes(draw: u64, text: &str) -> SettingChanges {
    let settings: [(&str, serde_json::Value); 5] = [
        ("model", text.into()),
        ("orphan_grace", String::from(Millis(draw)).into()),
        ("max_waiting_prompts", 7.into()),
        ("fan_out", true.into()),
        ("max_live_sessions", 3.into()),
    ];
    let mut changes = SettingChanges::default();
    for (setting, value) in settings.into_iter().take(draw as usize % 6) {
        changes.set(setting, value).expect("a setting of the gateway");
    }
    changes
}

fn only_step(at: Millis) -> Step {
    let (client, action) = ("client_0".to_owned(), ConnectionStep::Connect { memory: Memory::default() }.into());
    Step { at, client, action, on_skip: OnSkip::Fails, line: 0 }
}

/// A step that injects a fault into a connection or the clock.
fn fault(kind: u8, length: Millis) -> Action {
    match kind {
        17 => ConnectionStep::Stall.into(),
        18 => ConnectionStep::Unstall.into(),
        19 => ConnectionStep::Vanish { takes: Some(length).filter(|length| length.0 % 2 == 0) }.into(),
        20 => ConnectionStep::Cut.into(),
        21 => ConnectionStep::Mend.into(),
        22 => ConnectionStep::Lag { takes: length }.into(),
        23 => ConnectionStep::Resend.into(),
        24 => ProcessStep::SetClock { jump: Jump::Forward(length) }.into(),
        _ => ProcessStep::SetClock { jump: Jump::Back(length) }.into(),
    }
}

fn store_faults() -> impl Strategy<Value = StoreFault> {
    let writes = select(CallSide::Write.words()).prop_map(|word| Call::named(CallSide::Write, word));
    let reads = select(CallSide::Read.words()).prop_map(|word| Call::named(CallSide::Read, word));
    let disk = [Fault::Error, Fault::Full, Fault::Sync, Fault::Lost];
    let deaths = [Fault::Crash, Fault::CrashAfter, Fault::Power { change: 3 }];
    let others = select([&disk[..], &deaths].concat());
    let fault = prop_oneof![lengths().prop_map(|lasts| Fault::Busy { lasts }), others];
    let writes = (writes, fault);
    let reads = (reads, select(vec![Fault::Error, Fault::Crash]));
    let which = (proptest::option::of(1..9_u32), lengths(), proptest::option::of(1..9_u64));
    (prop_oneof![writes, reads], which).prop_map(|((call, fault), (nth, from, length))| StoreFault {
        call: call.expect("a word of the list"),
        nth,
        from,
        until: length.map(|length| from + Millis(length)),
        fault,
        on_skip: OnSkip::of(length == Some(3)),
    })
}

fn odds() -> impl Strategy<Value = Odds> {
    let ratio = || (0..9_u32, 27..99_u32).prop_map(|(part, whole)| Ratio::new(part, whole).unwrap_or_default());
    // Odds that are all 0 are not printed, so their denominators would be lost.
    let ratio = move || ratio().prop_map(|ratio| if ratio.is_zero() { Ratio::default() } else { ratio });
    (ratio(), ratio(), ratio()).prop_map(|(busy, error, lost)| Odds { busy, error, lost })
}

fn turn_steps() -> impl Strategy<Value = TurnStep> {
    let interrupt = select(vec![OnInterrupt::Stop, OnInterrupt::SitThrough]);
    let mode = select(vec![CompressionMode::Default, CompressionMode::Rotate, CompressionMode::InPlace]);
    let modes = mode.clone();
    prop_oneof![
        (texts(), lengths(), interrupt).prop_map(|(name, takes, interrupt)| TurnStep::Tool { name, takes, interrupt }),
        vec((texts(), lengths()).prop_map(|(name, takes)| ParallelTool { name, takes }), 1..4)
            .prop_map(|calls| TurnStep::Tools { calls }),
        (texts(), lengths()).prop_map(|(job, takes)| TurnStep::Background { job, takes }),
        (mode, lengths()).prop_map(|(mode, takes)| TurnStep::Compress { mode, takes }),
        (texts(), lengths(), option::of(modes)).prop_map(|(text, takes, compress)| TurnStep::Review {
            text,
            takes,
            compress
        }),
        lengths().prop_map(|takes| TurnStep::Sleep { takes }),
        texts().prop_map(|text| TurnStep::Say { text }),
        texts().prop_map(|message| TurnStep::Error { message }),
        texts().prop_map(|text| TurnStep::Reply { text }),
        (texts(), lengths()).prop_map(|(text, takes)| TurnStep::Late { text, takes }),
        Just(TurnStep::Hang),
        Just(TurnStep::Flush),
    ]
}

/// Any text with at least one letter, so that it is not empty.
fn texts() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(|letters| format!("x{}", String::from_iter(letters)))
}

fn lengths() -> impl Strategy<Value = Millis> {
    prop_oneof![0..5000_u64, 0..100_000_000_000_u64].prop_map(Millis)
}

fn latencies() -> impl Strategy<Value = Latency> {
    // At most an hour.
    let length = || prop_oneof![0..5000_u64, 0..=3_600_000_u64].prop_map(Millis);
    (length(), length()).prop_map(|(one, other)| Latency { min: one.min(other), max: one.max(other) })
}

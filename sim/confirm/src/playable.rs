//! What the package cannot be made to do: refused before anything is started.

use gateway_core::agent::QuestionKind;
use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use sim_harness::Simulator;
use sim_harness::report::Outcome;
use sim_scenario::{
    Action, NetworkSettings, ProcessStep, Prompt, RequestStep, Scenario, SettingChanges, Step, StoreSettings,
};
use sim_search::drive::{Means, unplayable};

/// The longest script.
const LENGTH_MAX: Millis = Millis::from_secs(600);

/// The reason for which a scenario cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    /// The release is no package.
    #[error("{0} is no published release of hermes-agent")]
    Release(Release),
    /// A step that a client cannot do over a socket.
    #[error("line {line}: `{word}`: {why}")]
    Step {
        /// The step's line in the file; 0 for a step of no file.
        line: usize,
        /// The step's word.
        word: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A step of a turn that the package's agent cannot be made to do.
    #[error("turn `{turn}`, step {number}: `{word}` is no step for the package's agent")]
    TurnStep {
        /// The name of the turn.
        turn: String,
        /// The number of the step, from 1.
        number: usize,
        /// The step's word.
        word: &'static str,
    },
    /// A setting that the package does not take.
    #[error("the package takes no setting `{0}`")]
    Setting(String),
    /// A thing of the simulated world.
    #[error("only a simulated world has {0}")]
    Simulated(&'static str),
    /// The script takes too long.
    #[error("{0} of script, at most {LENGTH_MAX}")]
    Long(Millis),
    /// The simulator itself does not carry it out.
    #[error("the simulator does not carry it out: {0}")]
    Skips(String),
}

/// The version of the package on PyPI that a release is; `None` for a release that was never published.
pub const fn version(release: Release) -> Option<&'static str> {
    match release {
        Release::V0_16_0 => Some("0.16.0"),
        Release::V0_17_0 => Some("0.17.0"),
        Release::V0_18_2 => Some("0.18.2"),
        Release::V0_19_0 => Some("0.19.0"),
        Release::V0_19_0Rearm | Release::Current => None,
    }
}

/// Refuses a scenario that cannot be played on a release.
pub(super) fn check(simulator: &mut Simulator, scenario: &Scenario, release: Release) -> Result<(), Unplayable> {
    if version(release).is_none() {
        return Err(Unplayable::Release(release));
    }
    if let Some((step, why)) = unplayable(scenario, Means::Process).or_else(|| absent(scenario)) {
        return Err(Unplayable::Step { line: step.line, word: step.action.word(), why });
    }
    let simulated = [
        (scenario.tapes.contains_key(&release), "a tape"),
        (!scenario.behavior.is_empty(), "a planted behaviour"),
        (scenario.store != StoreSettings::default(), "a store with faults or latencies"),
        (scenario.network != NetworkSettings::default(), "a network with latencies or other buffers"),
        (!scenario.windows.is_empty(), "windows that stay open"),
        (scenario.agent.failures > 0, "agents whose build fails"),
        (
            !scenario.agent.first_build.is_empty() && restarts(scenario).next().is_some(),
            "first builds over several processes",
        ),
    ];
    if let Some((_, what)) = simulated.into_iter().find(|(has, _)| *has) {
        return Err(Unplayable::Simulated(what));
    }
    settings(&scenario.gateway)?;
    restarts(scenario).try_for_each(|changes| settings(&changes.apply(&scenario.gateway)))?;
    turns(scenario)?;
    if scenario.until > LENGTH_MAX {
        return Err(Unplayable::Long(scenario.until));
    }
    let report = simulator.run(scenario, release);
    if let Some(part) = report.skipped.first() {
        return Err(Unplayable::Skips(part.to_string()));
    }
    match report.outcome {
        Outcome::Panicked | Outcome::Limit | Outcome::Nondeterministic => {
            Err(Unplayable::Skips(report.detail.unwrap_or_else(|| report.outcome.to_string())))
        }
        _ => Ok(()),
    }
}

/// The first step with a key that the package or its scripted agent does not have. The package's own agent does go on after a
/// call, but the scripted one has no such turn.
fn absent(scenario: &Scenario) -> Option<(&Step, &'static str)> {
    let why = |step: &Step| {
        if matches!(step.action, Action::Request(RequestStep::Prompt { prompt: Prompt::Continue, .. })) {
            Some("the package's scripted agent does not go on after a call")
        } else if matches!(step.action, Action::Process(ProcessStep::Signal { stop_timeout: Some(_), .. })) {
            Some("the package has no time limit for its end")
        } else {
            None
        }
    };
    scenario.steps.iter().find_map(|step| why(step).map(|why| (step, why)))
}

/// The changes of settings with which processes start.
fn restarts(scenario: &Scenario) -> impl Iterator<Item = &SettingChanges> {
    scenario.steps.iter().filter_map(|step| {
        let Action::Process(ProcessStep::Restart { changes }) = &step.action else { return None };
        Some(changes)
    })
}

/// The settings that the package takes are the grace, the time to live and what a prompt does to a busy session.
fn settings(given: &Config) -> Result<(), Unplayable> {
    let taken = Config {
        orphan_grace: given.orphan_grace,
        session_ttl: given.session_ttl,
        busy_input_mode: given.busy_input_mode,
        ..Config::default()
    };
    let table = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let (given, taken) = (table(given), table(&taken));
    let other = given.as_object().into_iter().flatten().find(|(key, value)| taken.get(key.as_str()) != Some(*value));
    other.map_or(Ok(()), |(key, _)| Err(Unplayable::Setting(key.clone())))
}

fn turns(scenario: &Scenario) -> Result<(), Unplayable> {
    for (name, turn) in &scenario.turns {
        for (place, step) in turn.steps.iter().enumerate() {
            let word = match step {
                TurnStep::Background { .. } => "background",
                TurnStep::Late { .. } => "late",
                TurnStep::Review { .. } => "review",
                TurnStep::Ask { kind: QuestionKind::Secret, .. } => "ask",
                TurnStep::Ask { .. }
                | TurnStep::Tool { .. }
                | TurnStep::Tools { .. }
                | TurnStep::Compress { .. }
                | TurnStep::Say { .. }
                | TurnStep::Sleep { .. }
                | TurnStep::Hang
                | TurnStep::Flush
                | TurnStep::Error { .. }
                | TurnStep::Reply { .. } => continue,
            };
            return Err(Unplayable::TurnStep { turn: name.clone(), number: place + 1, word });
        }
    }
    Ok(())
}

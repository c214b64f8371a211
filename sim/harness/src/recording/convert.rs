//! A recording as a scenario.

use std::collections::BTreeMap;

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::release::Release;

use super::timing::Timing;
use super::{Act, Cell, Recording, RecordingError};
use sim_scenario::{AgentSettings, NetworkSettings, PROCESS, Scenario, Step, StoreSettings};

/// A scenario that drives each step when a release's log says it was, and the instants at which to look.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The scenario.
    pub scenario: Scenario,
    /// The instants of the probes, in order.
    pub probes: Vec<Uptime>,
    /// When what happens.
    pub timing: Timing,
}

/// The grace of an imported scenario.
const GRACE: Millis = Millis::from_secs(20);

impl Recording {
    /// The script as one release ran it.
    pub fn timed(&self, release: Release, cell: &Cell) -> Result<Timed, RecordingError> {
        let timing = Timing::of_cell(self, cell);
        let probes = self.steps.iter().zip(&timing.instants).filter(|(step, _)| step.is_probe());
        let probes = probes.map(|(_, instant)| *instant).collect();
        let scenario = self.scenario(&timing, vec![release], self.settings()?);
        Ok(Timed { scenario, probes, timing })
    }

    /// The script as a scenario of its own, with the grace at its default and all other times as much longer. With a
    /// release, its steps come when that release's log says they did.
    pub fn import(&self, release: Option<Release>) -> Result<Scenario, RecordingError> {
        let grace = self.settings()?.orphan_grace;
        let factor = if grace == Millis::ZERO { 20 } else { (GRACE.0 / grace.0).max(1) };
        let mut timing = Timing::of_script(self, factor);
        let mut releases: Vec<Release> = self.cells.iter().map(|(release, _)| *release).collect();
        if let Some(release) = release {
            let cell = self.cells.iter().find(|(of, _)| *of == release).map(|(_, cell)| cell);
            let known = releases.iter().map(|release| release.name()).collect::<Vec<_>>().join(", ");
            let missing = || RecordingError::new(&self.path, "recorded", format!("no `{release}`, only {known}"));
            timing = Timing::of_cell(self, cell.ok_or_else(missing)?).stretched(factor);
            releases = vec![release];
        } else if !releases.contains(&Release::Current) {
            releases.push(Release::Current);
        }
        let mut settings = self.settings()?;
        settings.orphan_grace = grace.times(factor);
        if settings.session_ttl != Config::default().session_ttl {
            settings.session_ttl = settings.session_ttl.times(factor);
        }
        let mut scenario = self.scenario(&timing, releases, settings);
        for turn in scenario.turns.values_mut() {
            stretch(turn, factor);
        }
        Ok(scenario)
    }

    fn scenario(&self, timing: &Timing, releases: Vec<Release>, settings: Config) -> Scenario {
        let mut steps = Vec::new();
        for (step, instant) in self.steps.iter().zip(&timing.instants) {
            if let Act::Do { action, .. } = &step.act {
                let client = step.client.clone().unwrap_or_else(|| PROCESS.to_owned());
                steps.push(Step { at: Millis(instant.0), client, action: action.clone(), line: 0 });
            }
        }
        Scenario {
            name: self.name.clone(),
            path: self.path.clone(),
            about: if self.about.trim().is_empty() { self.name.clone() } else { self.about.clone() },
            issues: Vec::new(),
            releases,
            seed: 0,
            until: Millis(timing.end.0),
            gateway: settings,
            behavior: Vec::new(),
            network: NetworkSettings::default(),
            store: StoreSettings::default(),
            windows: BTreeMap::new(),
            agent: AgentSettings { build: timing.build, ..AgentSettings::default() },
            turns: self.turns.clone(),
            steps,
            tapes: BTreeMap::new(),
            expect: BTreeMap::new(),
        }
    }
}

/// Makes all lengths of a turn `factor` times as long.
fn stretch(turn: &mut TurnScript, factor: u64) {
    turn.steps.iter_mut().for_each(|step| step.stretch(factor));
}

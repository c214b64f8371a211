//! Conversion of a recording to a scenario.

use std::collections::BTreeMap;

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::release::Release;

use super::timing::Timing;
use super::{Act, Cell, Recording, RecordingError};
use sim_scenario::{AgentSettings, NetworkSettings, PROCESS, Scenario, Step, StoreSettings};

/// A scenario whose steps happen at the times of a release's log, and the instants of its probes.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The script, with one step for each recorded step except waits and probes.
    pub scenario: Scenario,
    /// The instants of the probes, in ascending order.
    pub probes: Vec<Uptime>,
    /// The virtual instants of all recorded steps.
    pub timing: Timing,
}

/// The grace of an imported scenario, which is the default of the gateway.
const GRACE: Millis = Millis::from_secs(20);

impl Recording {
    /// The script at the times of one release's log.
    ///
    /// # Errors
    /// When the settings are not those of a gateway.
    pub fn timed(&self, release: Release, cell: &Cell) -> Result<Timed, RecordingError> {
        let timing = Timing::of_cell(self, cell);
        let probes = self.steps.iter().zip(&timing.instants).filter(|(step, _)| step.is_probe());
        let probes = probes.map(|(_, instant)| *instant).collect();
        let scenario = self.scenario(&timing, vec![release], self.settings()?);
        Ok(Timed { scenario, probes, timing })
    }

    /// The script as a scenario file. Its grace is the default one, and all other times are scaled by the same factor.
    /// With a `release`, the steps happen at the times of that release's log.
    ///
    /// # Errors
    /// When the recording has no log of `release`.
    pub fn import(&self, release: Option<Release>) -> Result<Scenario, RecordingError> {
        let grace = self.settings()?.orphan_grace;
        let factor = if grace == Millis::ZERO { 20 } else { (GRACE.0 / grace.0).max(1) };
        let mut timing = Timing::of_script(self, factor);
        let mut releases: Vec<Release> = self.cells.iter().map(|(release, _)| *release).collect();
        if let Some(release) = release {
            let cell = self.cells.iter().find(|(of, _)| *of == release).map(|(_, cell)| cell);
            let recorded = releases.iter().map(|release| release.name()).collect::<Vec<_>>().join(", ");
            let missing = || RecordingError::new(&self.path, "recorded", format!("no `{release}`, only {recorded}"));
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
        for (index, (step, instant)) in self.steps.iter().zip(&timing.instants).enumerate() {
            if let Act::Do { action, .. } = &step.act {
                let client = step.client.clone().unwrap_or_else(|| PROCESS.to_owned());
                // The trace names a skipped step by its line: the number of the step in the recording.
                steps.push(Step { at: Millis(instant.0), client, action: action.clone(), line: index + 1 });
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

/// Multiplies all durations of a turn by `factor`.
fn stretch(turn: &mut TurnScript, factor: u64) {
    turn.steps.iter_mut().for_each(|step| step.stretch(factor));
}

//! Conversion of a recording to a scenario.

use std::collections::BTreeMap;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::release::Release;

use super::timing::Timing;
use super::{Act, Cell, Recording, RecordingError};
use sim_scenario::{AgentSettings, NetworkSettings, OnSkip, PROCESS, Scenario, Step, StoreSettings};

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

/// The end of the longest script that a scenario file can have: a century.
const LONGEST: Uptime = Uptime(100 * 366 * 86_400_000);

impl Recording {
    /// The script at the times of one release's log.
    ///
    /// # Errors
    /// When the settings are not those of a gateway.
    pub fn timed(&self, release: Release, cell: &Cell) -> Result<Timed, RecordingError> {
        Ok(self.timed_by(Timing::of_cell(self, release, cell), vec![release], self.settings()?))
    }

    /// The script as a scenario file. Its grace is the default one, and all other times are scaled by the same factor.
    /// With a `release`, the steps happen at the times of that release's log, and its agents are built as fast as in it.
    ///
    /// # Errors
    /// When the recording has no log of `release`.
    pub fn import(&self, release: Option<Release>) -> Result<Timed, RecordingError> {
        let mut settings = self.settings()?;
        let factor = match settings.orphan_grace {
            Millis::ZERO => 20,
            grace => (GRACE.0 / grace.0).max(1),
        };
        let mut releases: Vec<Release> = self.cells.iter().map(|(release, _)| *release).collect();
        let timing = match release {
            Some(release) => {
                let cell = self.cells.iter().find(|(of, _)| *of == release).map(|(_, cell)| cell);
                let recorded = releases.iter().map(|release| release.name()).collect::<Vec<_>>().join(", ");
                let missing =
                    || RecordingError::new(&self.path, "recorded", format!("no `{release}`, only {recorded}"));
                let timing = Timing::of_cell(self, release, cell.ok_or_else(missing)?).stretched(factor);
                releases = vec![release];
                settings.build_delay = settings.build_delay.times(factor);
                timing
            }
            None => {
                if !releases.contains(&Release::Current) {
                    releases.push(Release::Current);
                }
                Timing::of_script(self, factor)
            }
        };
        if timing.end > LONGEST {
            let message =
                format!("too long for a scenario: {factor} times as long as recorded it ends at {}", timing.end);
            return Err(RecordingError::new(&self.path, "steps", message));
        }
        if self.steps.iter().all(|step| step.action().is_none()) {
            return Err(RecordingError::new(&self.path, "steps", "no step that a scenario has as well"));
        }
        settings.orphan_grace = settings.orphan_grace.times(factor);
        if settings.session_ttl != Config::default().session_ttl {
            settings.session_ttl = settings.session_ttl.times(factor);
        }
        let mut timed = self.timed_by(timing, releases, settings);
        for turn in timed.scenario.turns.values_mut() {
            turn.steps.iter_mut().for_each(|step| step.stretch(factor));
        }
        Ok(timed)
    }

    /// The sentence of the imported file, which needs one.
    fn about(&self) -> &str {
        let given = [self.about.as_str(), self.name.as_str()].into_iter().find(|text| !text.trim().is_empty());
        given.unwrap_or("A recording without a name.")
    }

    fn timed_by(&self, timing: Timing, releases: Vec<Release>, settings: Config) -> Timed {
        let probes = self.steps.iter().zip(&timing.instants).filter(|(step, _)| step.is_probe());
        let probes = probes.map(|(_, instant)| *instant).collect();
        Timed { scenario: self.scenario(&timing, releases, settings), probes, timing }
    }

    fn scenario(&self, timing: &Timing, releases: Vec<Release>, settings: Config) -> Scenario {
        let mut steps = Vec::new();
        for (index, (step, instant)) in self.steps.iter().zip(&timing.instants).enumerate() {
            if let Act::Do { action, .. } = &step.act {
                let client = step.client.clone().unwrap_or_else(|| PROCESS.to_owned());
                // The trace names a skipped step by its line: the number of the step in the recording.
                let at = Millis(instant.0);
                steps.push(Step { at, client, action: action.clone(), on_skip: OnSkip::Fails, line: index + 1 });
            }
        }
        Scenario {
            name: self.name.clone(),
            path: self.path.clone(),
            about: self.about().to_owned(),
            issues: Vec::new(),
            releases,
            seed: 0,
            until: Millis(timing.end.0),
            gateway: settings,
            behavior: Vec::new(),
            network: NetworkSettings::default(),
            store: StoreSettings::default(),
            windows: BTreeMap::new(),
            agent: AgentSettings { first_build: timing.builds.clone(), ..AgentSettings::default() },
            rows: self.rows(),
            turns: self.turns.clone(),
            steps,
            tapes: BTreeMap::new(),
            expect: BTreeMap::new(),
            facts: Vec::new(),
            // A recording is what happened, and a step that the real gateway left without effect is part of it.
            on_skip: OnSkip::Allowed,
        }
    }
}

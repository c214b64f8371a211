//! Parity: rows, memory and answers of the simulated gateway compared with those of the real one, cell by cell.
//!
//! A cell is one recording under one release. [`Cell::run`] drives the script at the times of that release's log,
//! observes rows and memory at its probes and at its end, converts them to the format of the recording (`observed`),
//! and compares the two (`compare`). `answers` does the same with the answers to the requests.

mod answers;
mod compare;
mod observed;
mod open;
#[cfg(test)]
mod tests;

use gateway_core::release::Release;
use serde::Serialize;
use serde_json::Value;

use crate::recording::{self, Recording, RecordingError, Timed};
use crate::report::Outcome;
use crate::simulation::Simulator;
use interleaving::Tape;

/// One recording under one release.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The name of the recording's script.
    pub recording: String,
    /// The name of the release, for example `0.16.0`.
    pub release: &'static str,
    /// `true` if two runs on the real gateway were equal, else how they differed.
    pub repeatable: Value,
    /// Whether `differences` is empty.
    pub equal: bool,
    /// The differences, in order of time.
    pub differences: Vec<Difference>,
}

/// A value that differs between the recording and the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The path of the value, for example `probes.ghost.rows.s1.end_reason`.
    pub place: String,
    /// The value in the recording.
    pub recorded: Value,
    /// The value in the simulated gateway.
    pub simulated: Value,
    /// The rule that the two values break, where the rule is not equality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Cell {
    /// Runs the script of `recording` under `release` and compares it with `recorded`.
    ///
    /// # Errors
    /// When the settings of the recording are not those of a gateway.
    pub fn run(
        simulator: &mut Simulator,
        recording: &Recording,
        release: Release,
        recorded: &recording::Cell,
    ) -> Result<Self, RecordingError> {
        Ok(Self::of(simulator, recording, release, recorded, &recording.timed(release, recorded)?))
    }

    /// As [`run`](Self::run), for the script as a scenario that was made of the recording.
    ///
    /// Where the model of the release leaves facts open, the result is the first play that equals the recording, or else the
    /// first of all.
    pub fn of(
        simulator: &mut Simulator,
        recording: &Recording,
        release: Release,
        recorded: &recording::Cell,
        timed: &Timed,
    ) -> Self {
        let (first, mut tape) = Self::play(simulator, recording, release, recorded, timed, Vec::new());
        let mut plays = 1;
        while !first.equal && plays < open::PLAYS_MAX {
            let Some(picks) = open::next(&tape) else { break };
            let cell;
            (cell, tape) = Self::play(simulator, recording, release, recorded, timed, picks);
            if cell.equal {
                return cell;
            }
            plays += 1;
        }
        first
    }

    /// One play with these alternatives of what the model leaves open.
    fn play(
        simulator: &mut Simulator,
        recording: &Recording,
        release: Release,
        recorded: &recording::Cell,
        timed: &Timed,
        picks: Vec<usize>,
    ) -> (Self, Tape) {
        let Timed { scenario, probes, timing } = timed;
        let (report, observations) = simulator.observe(scenario, release, Box::new(open::Picks::new(picks)), probes);
        let mut found = compare::Differences::default();
        if matches!(report.outcome, Outcome::Panicked | Outcome::Limit | Outcome::Nondeterministic) {
            let detail = report.detail.clone().unwrap_or_default();
            found.add("run", "an end of the script", format!("{}: {detail}", report.outcome), None);
        }
        let times = compare::Times::new(recording, recorded, timing);
        let (end, probed) = observations.split_last().expect("the last observation is at the end");
        for (observation, probe) in probed.iter().zip(&recorded.probes) {
            let place = format!("probes.{}", probe.name);
            let observed = observed::Observed::of(observation, release, timing);
            compare::rows(&mut found, &format!("{place}.rows"), &probe.rows, &observed.rows, &times);
            compare::memory(&mut found, &format!("{place}.memory"), probe.memory.as_ref(), observed.memory.as_ref());
        }
        let observed = observed::Observed::at_end(end, release, timing);
        compare::rows(&mut found, "rows", &recorded.rows, &observed.rows, &times);
        compare::memory(&mut found, "memory", recorded.memory.as_ref(), observed.memory.as_ref());
        compare::delivered(&mut found, &recorded.delivered, &observed::delivered(&report.trace, timing.end));
        let answers = answers::Answers::read(&report.trace, scenario, timing.end);
        answers.compare(&mut found, recording, recorded, &answers::Named { release, observation: end });
        let differences = found.into_list();
        let cell = Self {
            recording: recording.name.clone(),
            release: release.name(),
            repeatable: repeatable(recorded),
            equal: differences.is_empty(),
            differences,
        };
        (cell, report.tape)
    }
}

fn repeatable(recorded: &recording::Cell) -> Value {
    match (&recorded.repeatable, &recorded.differences) {
        (Value::Bool(false), differences) if !differences.is_null() => differences.clone(),
        (repeatable, _) => repeatable.clone(),
    }
}

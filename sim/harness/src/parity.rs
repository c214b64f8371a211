//! Parity: what the gateway leaves behind, next to what the real one left behind, cell by cell.
//!
//! A cell is one recording under one release. [`Cell::run`] drives the script at the times of that release's log,
//! looks at the instants of its probes and at its end, writes what it sees in the recording's own words (`seen`), and
//! compares the two (`compare`).

mod compare;
mod observed;
#[cfg(test)]
mod tests;

use gateway_core::release::Release;
use serde::Serialize;
use serde_json::Value;

use crate::recording::{self, Recording, RecordingError, Timed};
use crate::report::Outcome;
use crate::simulation::Simulator;
use interleaving::strategy::Fifo;

/// One recording under one release.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The recording's name.
    pub recording: String,
    /// The release.
    pub release: &'static str,
    /// Whether the real gateway did the same twice, or how it did not.
    pub repeatable: Value,
    /// Whether nothing differs.
    pub equal: bool,
    /// What differs, in the order of time.
    pub differences: Vec<Difference>,
}

/// A place at which two cells differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `probes.ghost.rows.s1.end_reason`.
    pub place: String,
    /// What the recording says.
    pub recorded: Value,
    /// What the simulated gateway left.
    pub simulated: Value,
    /// What the two should have in common, where that is not equality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Cell {
    /// Runs the script of `recording` under `release` and compares.
    pub fn run(
        simulator: &mut Simulator,
        recording: &Recording,
        release: Release,
        recorded: &recording::Cell,
    ) -> Result<Self, RecordingError> {
        let Timed { scenario, probes, timing } = recording.timed(release, recorded)?;
        let (report, observations) = simulator.observe(&scenario, release, Box::new(Fifo), &probes);
        let mut found = compare::Differences::default();
        if matches!(report.outcome, Outcome::Panicked | Outcome::Limit | Outcome::Nondeterministic) {
            let detail = report.detail.clone().unwrap_or_default();
            found.add("run", "an end of the script", format!("{}: {detail}", report.outcome), None);
        }
        let times = compare::Times::new(recording, recorded, &timing);
        let (end, looks) = observations.split_last().expect("the last look is at the end");
        for (look, probe) in looks.iter().zip(&recorded.probes) {
            let place = format!("probes.{}", probe.name);
            let seen = observed::Observed::of(look, release, timing.zero);
            compare::rows(&mut found, &format!("{place}.rows"), &probe.rows, &seen.rows, &times);
            compare::memory(&mut found, &format!("{place}.memory"), probe.memory.as_ref(), seen.memory.as_ref());
        }
        let seen = observed::Observed::at_end(end, release, timing.zero);
        compare::rows(&mut found, "rows", &recorded.rows, &seen.rows, &times);
        compare::memory(&mut found, "memory", recorded.memory.as_ref(), seen.memory.as_ref());
        compare::delivered(&mut found, &recorded.delivered, &observed::delivered(&report.trace, timing.end));
        let differences = found.into_list();
        Ok(Self {
            recording: recording.name.clone(),
            release: release.name(),
            repeatable: repeatable(recorded),
            equal: differences.is_empty(),
            differences,
        })
    }
}

fn repeatable(recorded: &recording::Cell) -> Value {
    match (&recorded.repeatable, &recorded.differences) {
        (Value::Bool(false), differences) if !differences.is_null() => differences.clone(),
        (repeatable, _) => repeatable.clone(),
    }
}

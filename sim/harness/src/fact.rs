//! Judges the facts that the author of a file expects of rows, frames and memory.
//!
//! The facts are judged after the run, from observations and the trace. They take no part in the run, so a run is the same
//! with and without them.

mod frames;
mod memory;
mod rows;

use std::fmt;

use gateway_core::clock::Uptime;
use gateway_core::release::Release;
use serde::Serialize;
use sim_scenario::{FactKind, Scenario};

use crate::observation::Observation;
use crate::trace::Trace;
use crate::world::names::SessionIds;

/// A fact that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnmetFact {
    /// The line of the fact's table in the file.
    pub line: usize,
    /// The table as a single line: its header and its keys.
    pub expected: String,
    /// What the run shows instead: lines that begin with `-` (expected), `+` (found) or two blanks (the nearest candidates).
    pub found: Vec<String>,
}

/// What facts are judged by.
pub(crate) struct Evidence<'a> {
    pub(crate) scenario: &'a Scenario,
    /// At each instant of a fact, and last at the end of the script's time.
    pub(crate) observations: &'a [Observation],
    pub(crate) sessions: &'a SessionIds,
    pub(crate) trace: &'a Trace,
}

/// The facts of the release that do not hold, in the order of the file.
pub(crate) fn judge(evidence: &Evidence<'_>, release: Release) -> Vec<UnmetFact> {
    let mut received = None;
    let mut unmet = Vec::new();
    for fact in evidence.scenario.facts_of(release) {
        let at = fact.at().map_or(Uptime(evidence.scenario.until.0), |at| Uptime(at.0));
        // A run that broke off before the instant has no observation of it, and its outcome says why.
        let Some(observation) = evidence.observations.iter().find(|observation| observation.at == at) else { continue };
        let found = match &fact.kind {
            FactKind::Rows(rows) => rows::judge(rows, &observation.rows, evidence.sessions),
            FactKind::Memory(memory) => memory::judge(memory, observation.memory.as_ref()),
            FactKind::Frames(frames) => {
                let received = received.get_or_insert_with(|| frames::received(evidence.trace));
                frames::judge(frames, received, evidence.sessions)
            }
        };
        if !found.is_empty() {
            unmet.push(UnmetFact { line: fact.line, expected: fact.to_string(), found });
        }
    }
    unmet
}

/// The instants at which facts of the release look at the run, in ascending order.
pub(crate) fn instants(scenario: &Scenario, release: Release) -> Vec<Uptime> {
    let mut instants: Vec<Uptime> = scenario.facts_of(release).filter_map(|fact| Some(Uptime(fact.at()?.0))).collect();
    instants.sort_unstable();
    instants.dedup();
    instants
}

impl fmt::Display for UnmetFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.expected)?;
        self.found.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

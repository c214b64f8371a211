//! The size of a scenario, which is compared before a candidate is run, so that every reduction terminates.

use std::collections::BTreeSet;

use super::time::Slot;
use sim_scenario::Scenario;

/// The size of a scenario, with the most significant part first. All parts are whole numbers, so descents are finite.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// The number of clients that act.
    pub clients: usize,
    /// The number of sessions with a name.
    pub sessions: usize,
    /// The number of steps of the script.
    pub steps: usize,
    /// The number of steps of all turns.
    pub turn_steps: usize,
    /// The number of lines of the file; each setting that is not the default has one.
    pub lines: usize,
    /// The distance of its times from round ones.
    pub rough: usize,
    /// The sum of all times, in milliseconds.
    pub time: u64,
    /// The length of the file in characters.
    pub letters: usize,
}

impl Size {
    /// The parts that describe who does what, without settings and times.
    pub fn script(&self) -> (usize, usize, usize, usize) {
        (self.clients, self.sessions, self.steps, self.turn_steps)
    }

    /// Measures a scenario. Tapes, expectations and `about` do not count.
    pub fn of(scenario: &Scenario) -> Self {
        let steps = &scenario.steps;
        let bare = Scenario {
            about: "-".to_owned(),
            // An explicit `until` counts as a line.
            until: scenario.default_until(),
            tapes: Default::default(),
            expect: Default::default(),
            ..scenario.clone()
        };
        let text = bare.to_toml();
        let slots = Slot::all(scenario);
        Self {
            clients: scenario.clients().len(),
            sessions: steps.iter().filter_map(|step| step.action.names()).collect::<BTreeSet<_>>().len(),
            steps: steps.len(),
            turn_steps: scenario.turns.values().map(|turn| turn.steps.len()).sum(),
            lines: text.lines().count(),
            rough: slots.iter().map(|slot| slot.rough(scenario)).sum(),
            time: slots.iter().map(|slot| slot.get(scenario).0).sum(),
            letters: text.len(),
        }
    }
}

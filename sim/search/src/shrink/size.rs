//! How simple a scenario is: what is compared before anything is tried, so that shrinking can only go down.

use std::collections::BTreeSet;

use super::time::Slot;
use sim_scenario::Scenario;

/// The size of a scenario, what matters most first. Each part is a whole number, so every way down has an end.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// Clients that act.
    pub clients: usize,
    /// Sessions that are given a name.
    pub sessions: usize,
    /// Steps of the script.
    pub steps: usize,
    /// Steps of all turns.
    pub turn_steps: usize,
    /// Lines of the file, among them each setting that is not as by default.
    pub lines: usize,
    /// How far its times are from round ones.
    pub rough: usize,
    /// All times together, in milliseconds.
    pub time: u64,
    /// Letters of the file.
    pub letters: usize,
}

impl Size {
    /// What is done and by whom, without the settings and times.
    pub fn script(&self) -> (usize, usize, usize, usize) {
        (self.clients, self.sessions, self.steps, self.turn_steps)
    }

    /// The size of a scenario; its tapes and expectations do not count, nor what it says about itself.
    pub fn of(scenario: &Scenario) -> Self {
        let steps = &scenario.steps;
        let bare = Scenario {
            about: "-".to_owned(),
            // That the end of the script is told is a line that helps.
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

//! The steps so far, in the order in which their frames passed.

use gateway_core::clock::Millis;
use sim_scenario::{Action, OnSkip, Step};

/// The steps. Each has a number that stays when another is put before it.
#[derive(Default)]
pub(super) struct Script {
    steps: Vec<(usize, Step)>,
}

impl Script {
    /// Adds a step, and returns its number.
    pub(super) fn push(&mut self, at: u64, client: &str, action: impl Into<Action>) -> usize {
        self.insert(self.steps.len(), at, client, action)
    }

    /// Puts a step before the one at this place.
    pub(super) fn insert(&mut self, place: usize, at: u64, client: &str, action: impl Into<Action>) -> usize {
        let (number, client) = (self.steps.len(), client.to_owned());
        let step = Step { at: Millis(at), client, action: action.into(), on_skip: OnSkip::Fails, line: 0 };
        self.steps.insert(place, (number, step));
        number
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The step with a number.
    pub(super) fn step(&mut self, number: usize) -> Option<&mut Step> {
        self.steps.iter_mut().find(|(known, _)| *known == number).map(|(_, step)| step)
    }

    /// The steps of a client from this place on may have no effect.
    pub(super) fn may_skip(&mut self, from: usize, client: &str) {
        let steps = self.steps.iter_mut().skip(from).map(|(_, step)| step);
        steps.filter(|step| step.client == client).for_each(|step| step.on_skip = OnSkip::Allowed);
    }

    /// The steps at their times. Where several clients acted within a millisecond, each is one after the other, because a
    /// simulation has an order of its own for steps of several clients at one instant.
    pub(super) fn finish(self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.steps.into_iter().map(|(_, step)| step).collect();
        for place in 1..steps.len() {
            let (before, here) = (&steps[place - 1], &steps[place]);
            let least = if before.client == here.client { before.at } else { before.at + Millis(1) };
            steps[place].at = here.at.max(least);
        }
        steps
    }
}

//! The determinism guard: runs are repeated and must be byte for byte the same.

use super::Run;
use sim_harness::report::Report;

/// Which runs of a campaign are repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// One run in twenty, by its number.
    #[default]
    Sample,
    /// Every run, at twice the cost.
    All,
    /// No run, for benchmarks.
    Off,
}

/// The difference between a run and its repetition with the same strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The coordinates of the run.
    pub run: Run,
    /// The number of the first differing trace entry, from 1.
    pub entry: usize,
    /// That entry of the first run; `None` if its trace had ended.
    pub first: Option<String>,
    /// That entry of the second run; `None` if its trace had ended.
    pub second: Option<String>,
}

impl Guard {
    /// Whether this run is repeated.
    pub fn repeats(self, run: u64) -> bool {
        match self {
            Self::Sample => run.is_multiple_of(20),
            Self::All => true,
            Self::Off => false,
        }
    }
}

/// Executes a run, repeats it if it is selected, and returns the first difference.
pub(super) fn guarded(guard: Guard, run: Run, mut go: impl FnMut() -> Report) -> (Report, Option<Difference>) {
    let report = go();
    let again = guard.repeats(run.number).then(go);
    let difference = again.and_then(|again| Difference::between(run, &report, &again));
    (report, difference)
}

impl Difference {
    /// The first difference of two runs.
    fn between(run: Run, first: &Report, second: &Report) -> Option<Self> {
        if first.trace.digest() == second.trace.digest() && first.tape == second.tape {
            return None;
        }
        let (left, right) = (first.trace.entries(), second.trace.entries());
        let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        let text = |entries: &[sim_harness::trace::Entry]| entries.get(same).map(ToString::to_string);
        Some(Self { run, entry: same + 1, first: text(left), second: text(right) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Origin;
    use crate::generate;
    use interleaving::strategy::{Plan, Random};
    use sim_harness::{Release, Simulator};

    fn run(number: u64) -> Run {
        Run { number, scenario: 0, plan: Plan::Random, schedule: 0, origin: Origin::Generated }
    }

    /// A strategy that differs the second time stands for any dependency that is not on the tape.
    #[test]
    fn a_run_that_depends_on_more_than_its_tape_is_seen() {
        let scenario = generate::scenario(3);
        let (mut simulator, mut seed) = (Simulator::new(), 0);
        let mut drifting = || {
            seed += 1;
            simulator.run_with(&scenario, Release::Current, Box::new(Random::new(seed)))
        };
        let (report, difference) = guarded(Guard::All, run(1), &mut drifting);
        let difference = difference.expect("the two differ");
        let entry = report.trace.entries().get(difference.entry - 1).map(ToString::to_string);
        assert_eq!((difference.run.number, &difference.first), (1, &entry));
        assert_ne!(difference.first, difference.second);
        let (_, unseen) = guarded(Guard::Sample, run(1), &mut drifting);
        assert_eq!(unseen, None, "run 1 is not one that is run twice");
    }

    /// Two equal runs have no difference.
    #[test]
    fn a_run_of_its_tape_alone_is_the_same_twice() {
        let scenario = generate::scenario(3);
        let mut simulator = Simulator::new();
        let go = || simulator.run_with(&scenario, Release::Current, Box::new(Random::new(7)));
        assert_eq!(guarded(Guard::All, run(1), go).1, None);
    }
}

//! One pair of the table: campaigns on one bug with one strategy.

use std::time::{Duration, Instant};

use gateway_core::release::Release;

use super::{Pair, Planted};
use interleaving::strategy::Plan;
use sim_harness::simulation::Simulator;
use sim_search::fuzz::{Campaign, Finding, Guard};
use sim_search::shrink::Size;

/// A bug that no campaign of so many seeds has found is given up.
const HOPELESS: u64 = 3;

/// How many runs it may take to shrink a failure, for its size.
const TRIES: u64 = 1_500;

/// What came of the campaigns.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) campaigns: u64,
    /// The numbers of the failing runs, counted from 1, and the time until then.
    pub(super) found: Vec<(u64, Duration)>,
    /// Of the first failure that was found, after it was shrunk.
    pub(super) size: Option<Size>,
    /// What the first campaign found.
    pub(super) claim: Option<String>,
}

/// Looks for the bug with each seed.
pub(super) fn measure(simulator: &mut Simulator, planted: &Planted, pair: &Pair, plan: Plan) -> Cell {
    let mut cell = Cell::default();
    for seed in 1..=planted.seeds {
        if seed > HOPELESS && cell.found.is_empty() {
            break;
        }
        let behavior = vec![(pair.field.clone(), pair.alternative.clone())];
        let campaign = Campaign { behavior, plan, guard: Guard::Off, ..Campaign::new(seed, Release::Current) };
        cell.campaigns += 1;
        let started = Instant::now();
        let found = campaign.first_failure(simulator, planted.runs);
        let took = started.elapsed();
        if let Some(finding) = found {
            cell.found.push((finding.run.number + 1, took));
            if cell.claim.is_none() {
                cell.size = size(simulator, &finding);
                cell.claim = Some(finding.signature.claim);
            }
        }
    }
    cell
}

fn size(simulator: &mut Simulator, finding: &Finding) -> Option<Size> {
    finding.shrink(simulator, TRIES).ok().map(|shrunk| Size::of(&shrunk.scenario))
}

impl Cell {
    /// The median number of runs to the first failure, and the median time, if there was any.
    pub(super) fn median(&self) -> Option<(u64, Duration)> {
        let middle = |mut of: Vec<(u64, Duration)>, key: fn(&(u64, Duration)) -> u128| {
            of.sort_by_key(key);
            of.get(of.len() / 2).copied()
        };
        let runs = middle(self.found.clone(), |(runs, _)| u128::from(*runs))?.0;
        Some((runs, middle(self.found.clone(), |(_, took)| took.as_nanos())?.1))
    }
}

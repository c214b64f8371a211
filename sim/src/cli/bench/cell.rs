//! One pair of the table: campaigns with one strategy against one planted bug.

use std::time::{Duration, Instant};

use gateway_core::release::Release;

use super::{Pair, Planted};
use interleaving::strategy::Plan;
use sim_harness::simulation::Simulator;
use sim_search::fuzz::{Campaign, Finding, Guard};
use sim_search::shrink::Size;

/// The number of seeds without a failure after which a bug is given up.
const HOPELESS: u64 = 3;

/// The largest number of runs to shrink a failure, for its size.
const TRIES: u64 = 1_500;

/// The results of the campaigns of one pair.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) campaigns: u64,
    /// The number of the first failing run of each campaign, counted from 1, and the time until then.
    pub(super) found: Vec<(u64, Duration)>,
    /// The size of the first failure after it was shrunk.
    pub(super) size: Option<Size>,
    /// The failure that the first campaign found.
    pub(super) claim: Option<String>,
}

/// Runs a campaign with each seed until it finds the bug.
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
    /// The median number of runs to the first failure and the median time; `None` if no campaign failed.
    pub(super) fn median(&self) -> Option<(u64, Duration)> {
        let middle = |mut of: Vec<(u64, Duration)>, key: fn(&(u64, Duration)) -> u128| {
            of.sort_by_key(key);
            of.get(of.len() / 2).copied()
        };
        let runs = middle(self.found.clone(), |(runs, _)| u128::from(*runs))?.0;
        Some((runs, middle(self.found.clone(), |(_, took)| took.as_nanos())?.1))
    }
}

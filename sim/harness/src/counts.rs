//! How often each claim was judged and excused, in one run or in many.

use std::collections::BTreeMap;

use serde::Serialize;

pub use crate::claim::{Count, Excuse};
use crate::invariant::ALL;

/// The counts of every claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([Count; ALL.len()]);

impl Counts {
    pub(crate) fn new(of: impl Fn(usize) -> Count) -> Self {
        Self(std::array::from_fn(of))
    }

    /// Adds the counts of other runs.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| sum.add(more));
    }

    /// The name of each claim and its counts, in the order of [`ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        ALL.iter().map(|invariant| invariant.name).zip(&self.0)
    }

    /// For JSON: the counts of each claim that had a case.
    pub fn listed(&self) -> BTreeMap<&'static str, ListedCount> {
        let had_any = self.iter().filter(|(_, count)| count.judged + count.excused() > 0);
        let listed = had_any.map(|(name, count)| {
            let reasons = count.reasons().map(|(excuse, count)| (excuse.word(), count)).collect();
            (name, ListedCount { judged: count.judged, excused: count.excused(), reasons })
        });
        listed.collect()
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self::new(|_| Count::default())
    }
}

/// The counts of a claim, for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedCount {
    /// The number of cases that were judged.
    pub judged: u64,
    /// The number of cases that were excused.
    pub excused: u64,
    /// The number of excused cases by reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

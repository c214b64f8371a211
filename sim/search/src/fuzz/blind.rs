//! Claims that a campaign hardly judged. A campaign that finds nothing says nothing about them.

use serde::Serialize;
use sim_harness::counts::{Count, Counts};

use super::accepted::{ACCEPTED, Accepted, Blindness};

/// The number of runs from which a campaign has to judge every claim. A shorter campaign may miss some cases by chance.
pub const LONG: u64 = 20_000;

/// The number of cases that a long campaign judges of each claim at least.
pub const JUDGED_MIN: u64 = 100;

/// The largest share of a claim's cases that may be excused, in percent.
pub const EXCUSED_MAX: u64 = 20;

/// A claim that a campaign hardly judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blind {
    /// The name of the claim.
    pub claim: &'static str,
    /// What it lacks.
    pub blindness: Blindness,
    /// Why that is accepted; none if it is not.
    pub accepted: Option<&'static str>,
}

/// The share of a claim's cases that were excused, in tenths of a percent; zero for a claim without cases.
pub fn excused_share(count: &Count) -> u64 {
    let cases = count.judged + count.excused();
    (count.excused() * 1000).checked_div(cases).unwrap_or_default()
}

/// The claims that are blind in a campaign of so many runs; none in a campaign that is shorter than [`LONG`].
pub fn blind(counts: &Counts, runs: u64) -> Vec<Blind> {
    if runs < LONG {
        return Vec::new();
    }
    let found = counts.iter().filter_map(|(claim, count)| {
        let blindness = blindness(count)?;
        let is_it = |accepted: &&Accepted| accepted.claim == claim && accepted.blindness == blindness;
        Some(Blind { claim, blindness, accepted: ACCEPTED.iter().find(is_it).map(|accepted| accepted.reason) })
    });
    found.collect()
}

fn blindness(count: &Count) -> Option<Blindness> {
    if count.judged < JUDGED_MIN {
        Some(Blindness::Rare)
    } else if excused_share(count) > EXCUSED_MAX * 10 {
        Some(Blindness::Excused)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use sim_harness::invariant::ALL;

    use super::*;

    /// A long campaign that judged nothing is blind to every claim; a short one does not warn.
    #[test]
    fn a_long_campaign_has_to_judge_every_claim() {
        let counts = Counts::default();
        let found = blind(&counts, LONG);
        assert_eq!(found.len(), ALL.len());
        assert!(found.iter().all(|blind| blind.blindness == Blindness::Rare));
        assert_eq!(blind(&counts, LONG - 1), []);
    }
}

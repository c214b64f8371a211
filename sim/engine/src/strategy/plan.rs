//! Plans: strategies by name, as a command line or a report states them.

use std::fmt;
use std::str::FromStr;

use super::{Delay, Fifo, Pct, Profile, Random, Strategy, Urw};
use crate::prng::Prng;

/// A strategy without its seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// [`Fifo`], which ignores the seed.
    Fifo,
    /// [`Random`]: every alternative with the same probability.
    Random,
    /// [`Urw`]: needs the profile of an earlier run.
    Urw,
    /// [`Pct`]: needs the profile of an earlier run.
    Pct {
        /// The number of events whose order the bug needs, from 1; at 1 the priorities are fixed.
        depth: usize,
    },
    /// [`Delay`]: needs the profile of an earlier run.
    Delay {
        /// The largest number of delays in one run.
        bound: usize,
    },
    /// The [member](Self::member) of the seed.
    #[default]
    Portfolio,
}

impl Plan {
    /// Every plan, with the depth and bound of a name without a number.
    pub const NAMED: [Self; 6] =
        [Self::Fifo, Self::Random, Self::Urw, Self::Pct { depth: 3 }, Self::Delay { bound: 2 }, Self::Portfolio];

    /// The strategy of a seed. `profile` may be empty for a plan that [needs none](Self::needs_profile).
    pub fn strategy(self, seed: u64, profile: &Profile) -> Box<dyn Strategy> {
        match self {
            Self::Fifo => Box::new(Fifo),
            Self::Random => Box::new(Random::new(seed)),
            Self::Urw => Box::new(Urw::new(seed, profile)),
            Self::Pct { depth } => Box::new(Pct::new(seed, depth, profile)),
            Self::Delay { bound } => Box::new(Delay::new(seed, bound, profile)),
            Self::Portfolio => Self::member(seed).strategy(seed, profile),
        }
    }

    /// The plan that the portfolio uses for a seed. Delays have two shares: they find the most bugs with the fewest departures
    /// from the first alternatives.
    pub fn member(seed: u64) -> Self {
        let members = [
            Self::Fifo,
            Self::Random,
            Self::Urw,
            Self::Pct { depth: 2 },
            Self::Pct { depth: 4 },
            Self::Delay { bound: 1 },
            Self::Delay { bound: 3 },
        ];
        members[Prng::stream(seed, "strategy.portfolio").below(members.len())]
    }

    /// Whether its strategies depend on the profile of an earlier run.
    pub fn needs_profile(self) -> bool {
        !matches!(self, Self::Fifo | Self::Random)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fifo => f.write_str("fifo"),
            Self::Random => f.write_str("random"),
            Self::Urw => f.write_str("urw"),
            Self::Pct { depth } => write!(f, "pct:{depth}"),
            Self::Delay { bound } => write!(f, "delay:{bound}"),
            Self::Portfolio => f.write_str("portfolio"),
        }
    }
}

impl FromStr for Plan {
    type Err = UnknownPlan;

    fn from_str(text: &str) -> Result<Self, UnknownPlan> {
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let unknown = || UnknownPlan { found: text.to_owned() };
        let number = number.map(|number| number.parse::<usize>().map_err(|_| unknown())).transpose()?;
        match (name, number) {
            ("fifo", None) => Ok(Self::Fifo),
            ("random", None) => Ok(Self::Random),
            ("urw", None) => Ok(Self::Urw),
            ("pct", depth) if depth != Some(0) => Ok(Self::Pct { depth: depth.unwrap_or(3) }),
            ("delay", bound) => Ok(Self::Delay { bound: bound.unwrap_or(2) }),
            ("portfolio", None) => Ok(Self::Portfolio),
            _ => Err(unknown()),
        }
    }
}

/// The error of a text that names no strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown strategy `{found}`, expected fifo, random, urw, pct or pct:DEPTH (from 1), delay or delay:BOUND, or portfolio"
)]
pub struct UnknownPlan {
    found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every plan parses from its own name, and an unknown name is reported with the known ones.
    #[test]
    fn names_parse_back() {
        for plan in Plan::NAMED {
            assert_eq!(plan.to_string().parse(), Ok(plan));
        }
        assert_eq!("pct".parse(), Ok(Plan::Pct { depth: 3 }));
        for bad in ["pct:0", "pct:x", "fifo:1", "Random", ""] {
            let error = bad.parse::<Plan>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown strategy `{bad}`")), "{error}");
        }
    }

    /// Each member of the portfolio is reached by some seed.
    #[test]
    fn every_member_has_its_seeds() {
        for member in ["fifo", "random", "urw", "pct:2", "pct:4", "delay:1", "delay:3"] {
            assert!((0..200).any(|seed| Plan::member(seed).to_string() == member), "{member}");
        }
    }
}

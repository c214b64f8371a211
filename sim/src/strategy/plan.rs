//! Strategies as a user names them, and what they know of a scenario before its run.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{Delay, Fifo, Pct, READY, Random, Strategy, Urw};
use crate::prng::Prng;
use crate::tape::Tape;

/// A strategy that is not bound to a seed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// The scripted schedule, whatever the seed.
    Fifo,
    /// Each alternative as likely as any other.
    Random,
    /// Each task as likely as it has work left.
    Urw,
    /// Priorities that change at `depth - 1` places.
    Pct {
        /// The depth of the bugs that are looked for; 1 for fixed priorities.
        depth: usize,
    },
    /// The scripted schedule with up to so many delays.
    Delay {
        /// How many.
        bound: usize,
    },
    /// One of the others, by the seed.
    #[default]
    Portfolio,
}

/// What an earlier run of a scenario tells of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// How many choices among ready tasks it had.
    pub choices: usize,
    /// How often each task was picked in one.
    pub turns: BTreeMap<String, u64>,
}

impl Profile {
    /// The profile of the run with this tape.
    pub fn of(tape: &Tape) -> Self {
        let mut profile = Self::default();
        for choice in tape.choices.iter().filter(|choice| choice.site == READY) {
            profile.choices += 1;
            *profile.turns.entry(choice.among[choice.pick].clone()).or_default() += 1;
        }
        profile
    }
}

impl Plan {
    /// Every plan by name, with the depth and bound that a name without a number means.
    pub const NAMED: [Self; 6] =
        [Self::Fifo, Self::Random, Self::Urw, Self::Pct { depth: 3 }, Self::Delay { bound: 2 }, Self::Portfolio];

    /// The strategy for a seed, with what is known of the scenario.
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

    /// The plan that the portfolio follows for a seed. Delays come twice: they find the most for the least departure.
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

    /// Whether it has to know the scenario's profile.
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

/// A name that no strategy has.
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

    /// Every plan is read back from its own name, and a bad name is told with what there is.
    #[test]
    fn plans_have_names() {
        for plan in Plan::NAMED {
            assert_eq!(plan.to_string().parse(), Ok(plan));
        }
        assert_eq!("pct".parse(), Ok(Plan::Pct { depth: 3 }));
        for bad in ["pct:0", "pct:x", "fifo:1", "Random", ""] {
            let error = bad.parse::<Plan>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown strategy `{bad}`")), "{error}");
        }
    }

    /// A portfolio that leaves a member out would not be one.
    #[test]
    fn every_member_has_its_seeds() {
        for member in ["fifo", "random", "urw", "pct:2", "pct:4", "delay:1", "delay:3"] {
            assert!((0..200).any(|seed| Plan::member(seed).to_string() == member), "{member}");
        }
    }
}

//! Random scenarios: whole scripts that stay valid, biased to the times at which things meet.
//!
//! A generated scenario prints and parses like one that was written by hand. Each is made in *swarm* style: for each, a
//! coin decides which actions and faults it uses at all, so that rare combinations are not drowned by common ones
//! (Groce et al., Swarm Testing, 2012). Its steps fall on instants at which something is due: the end of a grace, of a
//! tool call, of a question, of a commit; at that very instant, a millisecond beside it, or far away.

mod mutate;
mod script;
mod settings;
mod swarm;
mod turns;

pub use mutate::mutate;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway::clock::Millis;
use gateway::release::Release;

use crate::prng::Prng;
use crate::scenario::Scenario;

/// The scenario of a seed.
pub fn scenario(seed: u64) -> Scenario {
    let mut prng = Prng::stream(seed, "generate");
    let swarm = swarm::Swarm::draw(&mut prng);
    let settings = settings::draw(&mut prng, &swarm);
    let turns = turns::draw(&mut prng, &swarm, settings.gateway.orphan_grace);
    let mut scenario = Scenario {
        name: "generated".to_owned(),
        path: PathBuf::from("generated.toml"),
        about: format!("Generated from seed {seed}."),
        issues: Vec::new(),
        releases: vec![Release::Current],
        seed: 0,
        until: Millis::ZERO,
        gateway: settings.gateway,
        behavior: Vec::new(),
        network: settings.network,
        store: settings.store,
        windows: settings.windows,
        agent: settings.agent,
        turns,
        steps: Vec::new(),
        expect: BTreeMap::new(),
        tapes: BTreeMap::new(),
    };
    scenario.steps = script::write(&mut prng, &swarm, &scenario);
    scenario.until = scenario.default_until();
    scenario
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every generated scenario is a valid file: it is printed, read back and the same.
    #[test]
    fn generated_scenarios_are_valid_files() {
        for seed in 0..1000 {
            let scenario = scenario(seed);
            let text = scenario.to_toml();
            match Scenario::parse(&scenario.path, &text) {
                Ok(read) => assert!(read == scenario, "seed {seed} reads back otherwise:\n{text}"),
                Err(error) => panic!("seed {seed}: {error}\n{text}"),
            }
        }
    }

    /// The same seed gives the same scenario, another seed another.
    #[test]
    fn a_seed_is_a_scenario() {
        let texts: BTreeSet<String> = (0..100).map(|seed| scenario(seed).to_toml()).collect();
        assert_eq!(texts.len(), 100);
        assert_eq!(scenario(7), scenario(7));
    }

    /// Nothing that a script can do is left out by the generator.
    #[test]
    fn every_action_is_generated() {
        let words: BTreeSet<&str> =
            (0..1000).flat_map(|seed| scenario(seed).steps).map(|step| step.action.word()).collect();
        for word in crate::scenario::words() {
            assert!(words.contains(&word), "`{word}` is never generated");
        }
    }
}

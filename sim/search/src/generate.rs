//! Generates random scenarios: valid scripts, biased towards instants at which events coincide.
//!
//! A generated scenario prints and parses like a hand-written one. Each uses a random subset of actions and faults
//! (*swarm* testing; Groce et al., Swarm Testing, 2012), so that common actions do not crowd out rare combinations. Its
//! steps fall on instants at which an event is due (the end of a grace, a tool call, a question or a commit), a
//! millisecond beside one, or far away.
//!
//! The order of random draws is part of the interface: a seed in a report must keep its meaning within a build.

mod crashes;
mod feature;
mod mutate;
mod rows;
mod script;
mod settings;
mod swarm;
mod topic;
mod turns;
mod workflow;

pub use mutate::mutate;
pub use topic::Topic;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway_core::clock::Millis;
use gateway_core::release::Release;

use feature::Feature;
use interleaving::prng::Prng;
use sim_scenario::{OnSkip, Scenario};

/// Generates the scenario of a seed. Every `u64` is a valid seed.
pub fn scenario(seed: u64) -> Scenario {
    let mut prng = Prng::stream(seed, "generate");
    let swarm = swarm::Swarm::draw(&mut prng);
    with_swarm(seed, prng, &swarm)
}

/// Generates a scenario about a topic. Every `u64` is a valid seed, which gives another scenario for each topic.
pub fn scenario_about(seed: u64, topic: Topic) -> Scenario {
    let mut prng = Prng::stream(seed, "generate");
    let swarm = swarm::Swarm::about(&mut prng, topic.features());
    with_swarm(seed, prng, &swarm)
}

fn with_swarm(seed: u64, mut prng: Prng, swarm: &swarm::Swarm) -> Scenario {
    let mut settings = settings::draw(&mut prng, swarm);
    if swarm.has(Feature::HalfOpen) {
        settings.network.ping = settings::ping(&mut Prng::stream(seed, "ping"));
    }
    let turns = turns::draw(&mut prng, swarm, settings.gateway.orphan_grace);
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
        rows: rows::draw(&mut prng, swarm),
        turns,
        steps: Vec::new(),
        expect: BTreeMap::new(),
        facts: Vec::new(),
        // A drawn script does not know what its steps will meet.
        on_skip: OnSkip::Allowed,
        tapes: BTreeMap::new(),
    };
    scenario.steps = script::write(&mut prng, swarm, &scenario);
    crashes::add(&mut Prng::stream(seed, "crashes"), &mut scenario);
    scenario.until = scenario.default_until();
    scenario
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use sim_harness::invariant::NAMES;
    use sim_scenario::Word;

    /// Every generated scenario prints as a valid file that reads back the same.
    #[test]
    fn generated_scenarios_are_valid_files() {
        for seed in 0..1000 {
            let scenario = scenario(seed);
            let text = scenario.to_toml();
            match Scenario::parse(&scenario.path, &text, &NAMES) {
                Ok(read) => assert!(read == scenario, "seed {seed} reads back otherwise:\n{text}"),
                Err(error) => panic!("seed {seed}: {error}\n{text}"),
            }
        }
    }

    /// A seed always gives the same scenario, and different seeds give different ones.
    #[test]
    fn a_seed_is_a_scenario() {
        let texts: BTreeSet<String> = (0..100).map(|seed| scenario(seed).to_toml()).collect();
        assert_eq!(texts.len(), 100);
        assert_eq!(scenario(7), scenario(7));
    }

    /// The generator covers every step word.
    #[test]
    fn every_action_is_generated() {
        let words: BTreeSet<&str> =
            (0..1000).flat_map(|seed| scenario(seed).steps).map(|step| step.action.word()).collect();
        for word in Word::ALL.iter().map(|word| word.entry().word) {
            assert!(words.contains(word), "`{word}` is never generated");
        }
    }
}

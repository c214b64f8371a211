//! The tables of a generated scenario other than its steps.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use gateway_core::clock::Millis;
use gateway_core::config::{BusyInput, Compression, Config};
use gateway_core::spawn::Window;

use super::feature::Feature;
use super::swarm::Swarm;
use interleaving::prng::Prng;
use sim_scenario::{AgentSettings, Latency, NetworkSettings, Odds, Ratio, StoreSettings};

/// Settings of the gateway, the network, the store and the agent.
pub(super) struct Settings {
    pub(super) gateway: Config,
    pub(super) network: NetworkSettings,
    pub(super) store: StoreSettings,
    pub(super) windows: BTreeMap<Window, Latency>,
    pub(super) agent: AgentSettings,
}

pub(super) fn draw(prng: &mut Prng, swarm: &Swarm) -> Settings {
    let secs = Millis::from_secs;
    let mut gateway = Config::default();
    if swarm.has(Feature::Settings) {
        settings(prng, swarm, &mut gateway);
    }
    if swarm.has(Feature::Busy) && prng.hits(1, 3) {
        gateway.busy_input_mode = *prng.one(&[BusyInput::Queue, BusyInput::Steer]);
    }
    if swarm.has(Feature::Company) && prng.hits(1, 3) {
        gateway.fan_out = true;
    }
    if swarm.has(Feature::Full) {
        gateway.max_sessions_per_connection = *prng.one(&[1, 1, 2]);
    }
    let mut agent = AgentSettings::default();
    if swarm.has(Feature::SlowAgent) {
        agent.build = *prng.one(&[secs(1), secs(3), secs(25), secs(31)]);
        agent.failures = *prng.one(&[0, 0, 1]);
        if prng.hits(2, 3) {
            agent.first_build = vec![agent.build.max(secs(3))];
            agent.build = *prng.one(&[Millis::ZERO, secs(1)]);
        }
    }
    if swarm.has(Feature::Compress) {
        agent.summary = *prng.one(&[Millis::ZERO, secs(2), secs(15)]);
    }
    let mut network = NetworkSettings::default();
    if swarm.has(Feature::SlowNetwork) {
        network.latency = latency(prng);
    }
    if swarm.has(Feature::SlowReader) {
        network.buffer = *prng.one(&[NonZeroU32::MIN, network.buffer]);
    }
    let mut store = StoreSettings::default();
    if swarm.has(Feature::SlowStore) {
        store.before_commit = latency(prng);
        store.after_commit = latency(prng);
        store.after_lookup = latency(prng);
    }
    if swarm.has(Feature::StoreFaults) {
        let odds = [Ratio::new(0, 1), Ratio::new(1, 100), Ratio::new(1, 20), Ratio::new(1, 5)];
        let mut ratio = || prng.one(&odds).expect("each is a ratio");
        store.odds = Odds { busy: ratio(), error: ratio(), lost: ratio() };
    }
    let mut windows = BTreeMap::new();
    if swarm.has(Feature::Windows) {
        for window in Window::ALL {
            if prng.hits(3, 4) {
                windows.insert(window, open(prng));
            }
        }
    }
    Settings { gateway, network, store, windows, agent }
}

/// The interval of pings, which half of the scenarios with half-open connections have.
pub(super) fn ping(prng: &mut Prng) -> Millis {
    *prng.one(&[Millis::ZERO, Millis::ZERO, Millis::from_secs(3), Millis::from_secs(20)])
}

/// Draws settings other than the defaults, each in one of a few scenarios.
fn settings(prng: &mut Prng, swarm: &Swarm, gateway: &mut Config) {
    let secs = Millis::from_secs;
    if prng.hits(1, 3) {
        gateway.orphan_grace = *prng.one(&[secs(1), secs(5), secs(60), Millis::ZERO]);
    }
    if prng.hits(1, 4) {
        gateway.agent_wait = *prng.one(&[secs(2), secs(10)]);
    }
    if prng.hits(1, 3) {
        gateway.busy_input_mode = *prng.one(&[BusyInput::Queue, BusyInput::Steer]);
    }
    if swarm.has(Feature::ScanIdle) || prng.hits(1, 3) {
        gateway.session_ttl = *prng.one(&[secs(1), secs(200), secs(400)]);
        // With a shorter grace a session would be reaped before it counts as idle.
        if prng.hits(2, 3) {
            gateway.orphan_grace = *prng.one(&[Millis::ZERO, secs(900)]);
        }
    }
    if prng.hits(1, 3) {
        gateway.max_live_sessions = Some(*prng.one(&[1, 2]));
    }
    if prng.hits(1, 3) {
        gateway.compression = *prng.one(&[Compression::Rotate, Compression::InPlace]);
    }
    if prng.hits(1, 4) {
        gateway.compress_above = *prng.one(&[2, 4, 8]);
    }
    if prng.hits(1, 4) {
        "telegram".clone_into(&mut gateway.source);
    }
    // Bounds that the few requests of a scenario can reach.
    if prng.hits(if swarm.has(Feature::Busy) { 3 } else { 1 }, 4) {
        gateway.max_waiting_prompts = *prng.one(&[1, 1, 1, 2]);
    }
    if prng.hits(1, 4) {
        gateway.max_kept_events = *prng.one(&[1, 2, 8]);
    }
    if prng.hits(1, 4) {
        gateway.orphan_silence = *prng.one(&[secs(20), secs(60)]);
        if prng.hits(1, 2) {
            gateway.orphan_tool_silence = *prng.one(&[secs(20), secs(80)]);
        }
    }
}

fn latency(prng: &mut Prng) -> Latency {
    let secs = Millis::from_secs;
    let (none, short, long) = (Millis::ZERO, *prng.one(&[Millis(5), Millis(300)]), *prng.one(&[secs(1), secs(2)]));
    *prng.one(&[
        Latency::default(),
        Latency { min: none, max: short },
        Latency { min: none, max: long },
        Latency::fixed(short),
        Latency::fixed(long),
    ])
}

/// How long a race window stays open. A window that is not drawn is open only for tasks that are ready at the same
/// instant.
fn open(prng: &mut Prng) -> Latency {
    let secs = Millis::from_secs;
    let length = *prng.one(&[Millis(300), secs(1), secs(2)]);
    *prng.one(&[Latency { min: Millis::ZERO, max: length }, Latency::fixed(length)])
}

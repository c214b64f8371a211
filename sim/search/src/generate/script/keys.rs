//! Values of keys that few steps have. They are drawn from a stream of their own, so that they leave the other draws as they are.

use gateway_core::clock::Millis;
use interleaving::prng::Prng;
use serde_json::Value;
use sim_scenario::{Memory, SettingChanges};

/// Whether a client that connects is a new window.
pub(super) fn memory(prng: &mut Prng) -> Memory {
    if prng.hits(1, 6) { Memory::Lost } else { Memory::Kept }
}

/// The number of the last event that a client says it has seen, if it says so.
pub(super) fn last_seen(prng: &mut Prng) -> Option<u64> {
    prng.hits(1, 4).then(|| *prng.one(&[0, 1, 2, 5, 50]))
}

/// The settings of the process after a restart that are other than those before it; most restarts change none.
pub(super) fn changes(prng: &mut Prng) -> SettingChanges {
    let length = |secs| Value::from(String::from(Millis::from_secs(secs)));
    let alternatives: [(&str, Value); 7] = [
        ("model", "large".into()),
        ("orphan_grace", length(1)),
        ("orphan_grace", length(60)),
        ("session_ttl", length(400)),
        ("max_live_sessions", 1.into()),
        ("max_waiting_prompts", 1.into()),
        ("fan_out", true.into()),
    ];
    let mut changes = SettingChanges::default();
    if prng.hits(1, 3) {
        for _ in 0..=prng.below(2) {
            let (setting, value) = prng.one(&alternatives).clone();
            changes.set(setting, value).expect("a setting of the gateway");
        }
    }
    changes
}

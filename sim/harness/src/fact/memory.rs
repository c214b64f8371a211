//! Facts about what is live in the gateway's memory.

use sim_scenario::{ExpectedMemory, MemoryCount};

use crate::observation::{LiveSession, Memory};

/// How the memory differs from the fact; empty if it does not. `memory` is none while the gateway is down.
pub(super) fn judge(expected: &ExpectedMemory, memory: Option<&Memory>) -> Vec<String> {
    let nothing = Memory::default();
    let found = memory.unwrap_or(&nothing);
    let differing = expected.counts.iter().filter(|(kind, count)| counted(found, **kind) != **count);
    let mut lines: Vec<String> = differing
        .flat_map(|(kind, count)| {
            let key = kind.key();
            [format!("- {key} = {count}"), format!("+ {key} = {}", counted(found, *kind))]
        })
        .collect();
    if lines.is_empty() {
        return lines;
    }
    match memory {
        None => lines.push("  the gateway is down".to_owned()),
        Some(memory) => lines.extend(memory.sessions.iter().map(described)),
    }
    lines
}

fn counted(memory: &Memory, kind: MemoryCount) -> u64 {
    let count = match kind {
        MemoryCount::Sessions => memory.sessions.len(),
        MemoryCount::Timers => memory.orphan_timers,
        MemoryCount::Turns => memory.turns + memory.turns_without_session,
        MemoryCount::Waiting => memory.waiting,
        MemoryCount::Connections => memory.connections,
    };
    count as u64
}

/// A live session as a candidate.
fn described(session: &LiveSession) -> String {
    let LiveSession { key, row, running, queued, finalized, target, .. } = session;
    let states = [(*running, "runs a turn"), (*queued, "has waiting prompts"), (*finalized, "is finalized")];
    let states: String = states.iter().filter(|(is, _)| *is).map(|(_, state)| format!(", {state}")).collect();
    format!("  live: session {key}, row {row}, its events go to: {}{states}", format!("{target:?}").to_lowercase())
}

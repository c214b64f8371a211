//! The state of a run, converted to the format of a recording.

use std::collections::BTreeMap;

use gateway_core::clock::{Uptime, Wall};
use gateway_core::release::Release;
use gateway_core::store::{MessageRow, StoredId};

use crate::observation::{self, EventTarget, LiveSession, Observation};
use crate::recording::timing::Timing;
use crate::recording::{Content, Memory, Row, Session};
use crate::rows::RowSet;
use crate::trace::{Site, Trace};
use crate::world::clock::EPOCH;

/// The kinds of events that a recording counts: the ends of turns.
const COUNTED: [&str; 2] = ["message.complete", "error"];

/// Rows and memory at one instant, in the format of a recording.
pub(super) struct Observed {
    pub(super) rows: Vec<Row>,
    pub(super) memory: Option<Memory>,
}

impl Observed {
    /// Converts an observation in the middle of a run.
    pub(super) fn of(observation: &Observation, release: Release, timing: &Timing) -> Self {
        let tables = &observation.rows;
        let rows = (0..tables.sessions.len()).map(|place| row(tables, place, timing)).collect();
        Self { rows, memory: observation.memory.as_ref().map(|live| memory(live, tables, release)) }
    }

    /// Converts the observation at the end, where a recording also has `ghost` and `held_in_memory`.
    pub(super) fn at_end(observation: &Observation, release: Release, timing: &Timing) -> Self {
        let mut observed = Self::of(observation, release, timing);
        let empty = observation::Memory::default();
        let live = observation.memory.as_ref().unwrap_or(&empty);
        for (row, stored) in observed.rows.iter_mut().zip(&observation.rows.sessions) {
            let holders: Vec<&LiveSession> =
                live.sessions.iter().filter(|session| session.row == stored.id || session.key == stored.id).collect();
            // The key of a record may lag behind a rotation; the row that its agent writes is held.
            row.held_in_memory = Some(holders.iter().any(|holder| holder.ready && holder.row == stored.id));
            row.ghost = Some(row.ended_at.is_none() && !holders.iter().any(|holder| will_end(holder, live)));
        }
        observed
    }
}

/// Whether the row of a live record will be ended: by a client, a turn or an armed timer.
fn will_end(session: &LiveSession, live: &observation::Memory) -> bool {
    session.target == EventTarget::Served || session.running || live.orphan_timers > 0
}

fn row(tables: &RowSet, place: usize, timing: &Timing) -> Row {
    let row = &tables.sessions[place];
    let messages = || tables.messages.iter().filter(|message| message.session == row.id);
    Row {
        id: tables.alias(&row.id),
        source: row.source.clone(),
        parent_session_id: row.parent.as_ref().map(|parent| tables.alias(parent)),
        started_at: seconds(row.started_at, timing),
        ended_at: row.ended_at.map(|at| seconds(at, timing)),
        end_reason: row.end_reason.clone(),
        message_count: row.message_count,
        title: row.title.clone(),
        messages: messages().count() as u64,
        messages_active: messages().filter(|message| message.active).count() as u64,
        contents: Some(messages().map(content).collect()),
        ghost: None,
        held_in_memory: None,
    }
}

fn content(message: &MessageRow) -> Content {
    let role = serde_json::to_value(message.message.role).unwrap_or_default();
    Content { role: role.as_str().unwrap_or_default().to_owned(), content: message.message.content.clone() }
}

fn memory(live: &observation::Memory, tables: &RowSet, release: Release) -> Memory {
    Memory {
        live_sessions: live.sessions.len() as u64,
        reap_timers: live.orphan_timers as u64,
        turns_running: (live.turns + live.turns_without_session) as u64,
        turns_without_session: live.turns_without_session as u64,
        sessions: live.sessions.iter().map(|session| self::session(session, tables, release)).collect(),
    }
}

fn session(session: &LiveSession, tables: &RowSet, release: Release) -> Session {
    let alias = |id: &StoredId| match tables.sessions.iter().any(|row| row.id == *id) {
        true => tables.alias(id),
        false => "(no row)".to_owned(),
    };
    let transport = match (session.target, release) {
        (EventTarget::Served, _) => "ws-live",
        (EventTarget::Gone, _) => "ws-closed",
        // Release 0.16.0 has no sentinel of its own for a detached session.
        (EventTarget::Detached, Release::V0_16_0) => "stdio",
        (EventTarget::Detached, _) => "detached",
    };
    Session {
        sid: session.alias.clone(),
        session_key: alias(&session.key),
        agent_session_id: Some(alias(&session.row)),
        ready: session.ready,
        running: session.running,
        finalized: session.finalized,
        transport: transport.to_owned(),
        queued_prompt: session.queued,
    }
}

/// The seconds of the recording at an instant of the run.
fn seconds(wall: Wall, timing: &Timing) -> f64 {
    let milliseconds = i128::from(wall.0) - i128::from(EPOCH.0) - i128::from(timing.zero.0);
    milliseconds as f64 / 1000.0 / timing.factor as f64
}

/// The number of events of each kind that a recording counts, by client, until the end of the script.
pub(super) fn delivered(trace: &Trace, end: Uptime) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut counts = BTreeMap::<String, BTreeMap<String, u64>>::new();
    for entry in trace.entries().iter().filter(|entry| entry.site == Site::Received && entry.at <= end) {
        let frame: serde_json::Value = serde_json::from_str(&entry.text).unwrap_or_default();
        if let Some(kind) = frame["params"]["type"].as_str().filter(|kind| COUNTED.contains(kind)) {
            let client = entry.task.tag.owner.as_deref().unwrap_or_default();
            *counts.entry(client.to_owned()).or_default().entry(kind.to_owned()).or_default() += 1;
        }
    }
    counts
}

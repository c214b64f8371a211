//! Compares recorded values with simulated ones. Times have a tolerance; all other values must be equal.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::Difference;
use crate::recording::timing::Timing;
use crate::recording::{Cell, Content, Memory, Recording, Row, Session};

/// The largest distance between a simulated time and the recorded one, in seconds. Recorded times are rounded to 0.1.
const TOLERANCE: f64 = 0.25;

/// The differences of a cell, in the order in which they were found.
#[derive(Default)]
pub(super) struct Differences(Vec<Difference>);

/// The sample times of a script: when each step was recorded and when it was driven, in seconds after the zero.
pub(super) struct Times(Vec<SampleTime>);

struct SampleTime {
    name: String,
    recorded: f64,
    driven: f64,
}

impl Differences {
    pub(super) fn add(
        &mut self,
        place: impl Into<String>,
        recorded: impl Serialize,
        simulated: impl Serialize,
        rule: Option<String>,
    ) {
        let value = |serialized: Result<Value, serde_json::Error>| serialized.expect("what is compared is plain data");
        self.0.push(Difference {
            place: place.into(),
            recorded: value(serde_json::to_value(recorded)),
            simulated: value(serde_json::to_value(simulated)),
            rule,
        });
    }

    pub(super) fn into_list(self) -> Vec<Difference> {
        self.0
    }

    pub(super) fn equal<T: Serialize + PartialEq>(&mut self, place: String, recorded: &T, simulated: &T) {
        if recorded != simulated {
            self.add(place, recorded, simulated, None);
        }
    }
}

impl Times {
    pub(super) fn new(recording: &Recording, recorded: &Cell, timing: &Timing) -> Self {
        let mut samples = Vec::new();
        for ((step, entry), instant) in recording.steps.iter().zip(&recorded.client_log).zip(&timing.instants) {
            if let Some(recorded) = entry.t {
                let driven = (*instant - timing.zero).0 as f64 / 1000.0 / timing.factor as f64;
                samples.push(SampleTime { name: format!("`{}` at {recorded}", step.word), recorded, driven });
            }
        }
        Self(samples)
    }

    /// The rule that a time breaks, if any: it is too far from the recorded one, or on the other side of a step.
    fn judge(&self, recorded: f64, simulated: f64) -> Option<String> {
        // Steps before the zero have no recorded time, so their effects have none either.
        if recorded >= 0.0 && (recorded - simulated).abs() > TOLERANCE + f64::EPSILON {
            return Some(format!("within {TOLERANCE} s"));
        }
        let crossed = self.0.iter().find(|sample| {
            // Equal recorded times are rounded, so their order is unknown.
            let tied = (recorded - sample.recorded).abs() < 1e-6;
            // Everything that happens at the instant of a step happens after the step.
            !tied && (recorded > sample.recorded) != (simulated >= sample.driven)
        });
        crossed.map(|sample| format!("on the same side of {}", sample.name))
    }
}

pub(super) fn rows(found: &mut Differences, place: &str, recorded: &[Row], simulated: &[Row], times: &Times) {
    for (was, is) in recorded.iter().zip(simulated) {
        row(found, &format!("{place}.{}", was.id), was, is, times);
    }
    for missing in recorded.iter().skip(simulated.len()) {
        found.add(format!("{place}.{}", missing.id), missing, Value::Null, None);
    }
    for surplus in simulated.iter().skip(recorded.len()) {
        found.add(format!("{place}.{}", surplus.id), Value::Null, surplus, None);
    }
}

fn row(found: &mut Differences, place: &str, was: &Row, is: &Row, times: &Times) {
    let at = |column: &str| format!("{place}.{column}");
    found.equal(at("id"), &was.id, &is.id);
    found.equal(at("source"), &was.source, &is.source);
    found.equal(at("parent_session_id"), &was.parent_session_id, &is.parent_session_id);
    time(found, at("started_at"), Some(was.started_at), Some(is.started_at), times);
    time(found, at("ended_at"), was.ended_at, is.ended_at, times);
    found.equal(at("end_reason"), &was.end_reason, &is.end_reason);
    found.equal(at("title"), &was.title, &is.title);
    found.equal(at("message_count"), &was.message_count, &is.message_count);
    found.equal(at("messages"), &was.messages, &is.messages);
    found.equal(at("messages_active"), &was.messages_active, &is.messages_active);
    if let (Some(was), Some(is)) = (&was.contents, &is.contents) {
        contents(found, place, was, is);
    }
    // Cells of old recordings may lack these two fields.
    if was.ghost.is_some() {
        found.equal(at("ghost"), &was.ghost, &is.ghost);
    }
    if was.held_in_memory.is_some() {
        found.equal(at("held_in_memory"), &was.held_in_memory, &is.held_in_memory);
    }
}

fn contents(found: &mut Differences, place: &str, was: &[Content], is: &[Content]) {
    for index in 0..was.len().max(is.len()) {
        found.equal(format!("{place}.contents[{index}]"), &was.get(index), &is.get(index));
    }
}

fn time(found: &mut Differences, place: String, was: Option<f64>, is: Option<f64>, times: &Times) {
    match (was, is) {
        (Some(recorded), Some(simulated)) => {
            if let Some(rule) = times.judge(recorded, simulated) {
                found.add(place, recorded, simulated, Some(rule));
            }
        }
        (None, None) => {}
        _ => found.add(place, was, is, None),
    }
}

pub(super) fn memory(found: &mut Differences, place: &str, recorded: Option<&Memory>, simulated: Option<&Memory>) {
    let (Some(was), Some(is)) = (recorded, simulated) else {
        if recorded.is_some() != simulated.is_some() {
            found.add(place, recorded, simulated, None);
        }
        return;
    };
    let at = |name: &str| format!("{place}.{name}");
    found.equal(at("live_sessions"), &was.live_sessions, &is.live_sessions);
    found.equal(at("reap_timers"), &was.reap_timers, &is.reap_timers);
    found.equal(at("turns_running"), &was.turns_running, &is.turns_running);
    found.equal(at("turns_without_session"), &was.turns_without_session, &is.turns_without_session);
    for (was, is) in was.sessions.iter().zip(&is.sessions) {
        session(found, &at(&format!("sessions.{}", was.sid)), was, is);
    }
    for missing in was.sessions.iter().skip(is.sessions.len()) {
        found.add(at(&format!("sessions.{}", missing.sid)), missing, Value::Null, None);
    }
    for surplus in is.sessions.iter().skip(was.sessions.len()) {
        found.add(at(&format!("sessions.{}", surplus.sid)), Value::Null, surplus, None);
    }
}

fn session(found: &mut Differences, place: &str, was: &Session, is: &Session) {
    let at = |name: &str| format!("{place}.{name}");
    found.equal(at("sid"), &was.sid, &is.sid);
    found.equal(at("session_key"), &was.session_key, &is.session_key);
    // A record without an agent writes no row. The simulated gateway reserves the row's id earlier.
    if was.agent_session_id.is_some() {
        found.equal(at("agent_session_id"), &was.agent_session_id, &is.agent_session_id);
    }
    found.equal(at("ready"), &was.ready, &is.ready);
    found.equal(at("running"), &was.running, &is.running);
    found.equal(at("finalized"), &was.finalized, &is.finalized);
    found.equal(at("transport"), &was.transport, &is.transport);
    found.equal(at("queued_prompt"), &was.queued_prompt, &is.queued_prompt);
}

/// Compares the number of events of each kind that each client received.
pub(super) fn delivered(
    found: &mut Differences,
    recorded: &BTreeMap<String, BTreeMap<String, u64>>,
    simulated: &BTreeMap<String, BTreeMap<String, u64>>,
) {
    let pairs = |counts: &BTreeMap<String, BTreeMap<String, u64>>| -> BTreeMap<(String, String), u64> {
        let of_client = |(client, kinds): (&String, &BTreeMap<String, u64>)| {
            let pairs = kinds.iter().map(|(kind, count)| ((client.clone(), kind.clone()), *count));
            pairs.collect::<Vec<_>>()
        };
        counts.iter().flat_map(of_client).collect()
    };
    let (was, is) = (pairs(recorded), pairs(simulated));
    let keys: BTreeSet<&(String, String)> = was.keys().chain(is.keys()).collect();
    for key @ (client, kind) in keys {
        let count = |counts: &BTreeMap<(String, String), u64>| counts.get(key).copied().unwrap_or_default();
        found.equal(format!("delivered.{client}.{kind}"), &count(&was), &count(&is));
    }
}

//! The answers to the requests of a script, read from the trace of a run and compared with those in a log.
//!
//! A log has a part of each answer: `status`, `message_count`, …, or `error` (its code) and `message`. The same part of
//! the simulated answer must be equal.

use std::collections::{BTreeMap, VecDeque};

use gateway_core::clock::Uptime;
use gateway_core::lifecycle::idle::Reaper;
use gateway_core::release::Release;
use gateway_core::store::StoredId;
use serde_json::{Map, Value, json};

use super::compare::Differences;
use crate::observation::Observation;
use crate::recording::{Cell, Recording};
use crate::trace::{Site, Trace};
use sim_scenario::{Action, ProcessStep, Scenario};

/// The response to each request that was answered until the end of the script.
pub(super) struct Answers {
    /// By the place of the request's step among the steps of the scenario.
    frames: BTreeMap<usize, Value>,
}

/// What the ids in an answer are called in a recording.
pub(super) struct Named<'a> {
    pub(super) release: Release,
    /// The state at the end of the script.
    pub(super) observation: &'a Observation,
}

impl Answers {
    /// Reads the answers from a trace. A client sends its requests in the order of its steps, except the skipped ones.
    pub(super) fn read(trace: &Trace, scenario: &Scenario, end: Uptime) -> Self {
        let mut unsent: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
        for (place, step) in scenario.steps.iter().enumerate() {
            if let Action::Request(_) = step.action {
                unsent.entry(&step.client).or_default().push_back(place);
            }
        }
        let (mut sent, mut frames) = (BTreeMap::new(), BTreeMap::new());
        for entry in trace.entries().iter().filter(|entry| entry.at <= end) {
            let client = entry.task.tag.owner.as_deref().unwrap_or_default();
            let Some(steps) = unsent.get_mut(client) else { continue };
            match entry.site {
                Site::Script => {
                    let line = skipped_line(&entry.text);
                    steps.retain(|place| Some(scenario.steps[*place].line) != line);
                }
                Site::Sent => {
                    if let (Some(id), Some(place)) = (id(&entry.text).1, steps.pop_front()) {
                        sent.insert((client.to_owned(), id), place);
                    }
                }
                Site::Received => {
                    if let (frame, Some(id)) = id(&entry.text)
                        && let Some(place) = sent.get(&(client.to_owned(), id))
                    {
                        frames.insert(*place, frame);
                    }
                }
                _ => {}
            }
        }
        Self { frames }
    }

    /// Compares each recorded answer with the simulated one.
    pub(super) fn compare(&self, found: &mut Differences, recording: &Recording, recorded: &Cell, named: &Named<'_>) {
        let mut places = 0..;
        for (index, (step, entry)) in recording.steps.iter().zip(&recorded.client_log).enumerate() {
            let Some(action) = step.action() else { continue };
            // The scenario has one step for each step with an action, in the same order.
            let place = places.next().expect("there is no last number");
            let simulated = match action {
                Action::Request(_) => self.frames.get(&place).map(|frame| named.answer(&entry.result, frame)),
                Action::Process(ProcessStep::ScanIdle) => {
                    Some(json!({"available": named.release.behavior().idle.reaper() == Reaper::Scans}))
                }
                Action::Process(_) | Action::Connection(_) => None,
            };
            compare(found, &format!("client_log[{index}].result"), &entry.result, &simulated.unwrap_or_default());
        }
    }
}

fn compare(found: &mut Differences, place: &str, recorded: &Value, simulated: &Value) {
    match (recorded, simulated) {
        (Value::Object(was), Value::Object(is)) if was.keys().eq(is.keys()) => {
            for (key, value) in was {
                let is_same = key == "message" && has_detail(&is[key], value);
                if !is_same {
                    found.equal(format!("{place}.{key}"), value, &is[key]);
                }
            }
        }
        _ => found.equal(place.to_owned(), recorded, simulated),
    }
}

/// Whether a message is the recorded one, followed by a colon and a detail that the real gateway leaves out.
fn has_detail(message: &Value, recorded: &Value) -> bool {
    let detail = message.as_str().zip(recorded.as_str()).and_then(|(is, was)| is.strip_prefix(was));
    detail.is_some_and(|detail| detail.starts_with(": "))
}

impl Named<'_> {
    /// The part of a response that the recorded answer has.
    fn answer(&self, recorded: &Value, frame: &Value) -> Value {
        if let Some(error) = frame.get("error") {
            return json!({"error": error["code"], "message": error["message"]});
        }
        let result = &frame["result"];
        match recorded {
            Value::Object(keys) => {
                let part = |(key, was): (&String, &Value)| (key.clone(), self.value(result, key, was));
                Value::Object(keys.iter().map(part).collect::<Map<_, _>>())
            }
            // The stored sessions of a list, or the live ones.
            Value::Array(_) => {
                let sessions = result["sessions"].as_array().into_iter().flatten();
                sessions.map(|session| self.alias(&session["id"])).collect()
            }
            _ => result.clone(),
        }
    }

    fn value(&self, result: &Value, key: &str, recorded: &Value) -> Value {
        let value = match key {
            "sid" => return self.alias(&result["session_id"]),
            _ => result.get(key).cloned().unwrap_or_default(),
        };
        match (&value, recorded) {
            (Value::Array(items), Value::Number(_)) => items.len().into(),
            (Value::String(_), _) if ["session_key", "stored_session_id", "resumed"].contains(&key) => {
                self.alias(&value)
            }
            _ => value,
        }
    }

    /// `m1` for a runtime id, `s1` for a stored id; any other value is returned as it is.
    fn alias(&self, id: &Value) -> Value {
        let Some(id) = id.as_str() else { return id.clone() };
        let row = self.observation.rows.alias(&StoredId::new(id));
        if row == id { self.observation.alias(id).into() } else { row.into() }
    }
}

/// A frame, and the number of its request or response.
fn id(text: &str) -> (Value, Option<u64>) {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    let id = frame["id"].as_u64();
    (frame, id)
}

/// The line of the step that an entry of the script says was skipped.
fn skipped_line(text: &str) -> Option<usize> {
    let (line, rest) = text.strip_prefix("line ")?.split_once(": ")?;
    line.parse().ok().filter(|_| rest.starts_with("skipped"))
}

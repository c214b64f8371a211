//! The JSON of a recording, as it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Misplaced;
use super::step::{RawAgentStep, RawStep, RecordedStep};

/// Environment variables; their values may be written as numbers.
pub(super) type Variables = BTreeMap<String, Value>;

/// A whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) script: String,
    #[serde(default)]
    pub(super) about: String,
    #[serde(default = "one")]
    pub(super) grace_s: f64,
    #[serde(default)]
    pub(super) scripts: BTreeMap<String, Vec<RawAgentStep>>,
    pub(super) steps: Vec<RawStep>,
    #[serde(default)]
    pub(super) env: Variables,
    #[serde(default)]
    pub(super) config: Map<String, Value>,
    /// In the order of the file, which `BTreeMap` also happens to give: oldest release first.
    pub(super) recorded: BTreeMap<String, Cell>,
}

/// What one release left behind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The rows at the end.
    pub rows: Vec<Row>,
    /// What was live at the end; none while the gateway was down.
    pub memory: Option<Memory>,
    /// The same in between.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// Requests and answers, one entry a step.
    pub client_log: Vec<LogEntry>,
    /// What the turns did.
    #[serde(default)]
    pub agent_log: Vec<AgentEntry>,
    /// How many results of turns each client got.
    #[serde(default)]
    pub delivered: BTreeMap<String, BTreeMap<String, u64>>,
    /// `true`, or what differed between the two runs.
    #[serde(default)]
    pub repeatable: Value,
    /// What differed, where it stands beside `repeatable`.
    #[serde(default)]
    pub differences: Value,
}

/// Rows and memory in the middle of a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its name.
    #[serde(rename = "as", default)]
    pub name: String,
    /// When, in seconds.
    #[serde(default)]
    pub t: Option<f64>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What was live.
    pub memory: Option<Memory>,
}

/// A session row, with what is known of its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// `s1` for the first.
    pub id: String,
    /// Which kind of client made it.
    pub source: String,
    /// The row that it continues.
    pub parent_session_id: Option<String>,
    /// In seconds.
    pub started_at: f64,
    /// In seconds; none while it is open.
    pub ended_at: Option<f64>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// The row's own count.
    pub message_count: u64,
    /// Not compared.
    #[serde(default)]
    pub title: Option<String>,
    /// Message rows.
    pub messages: u64,
    /// Message rows that no compression in place has replaced.
    pub messages_active: u64,
    /// Open although nothing under way will end it. Only known at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ghost: Option<bool>,
    /// Whether a live record has it. Only known at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_in_memory: Option<bool>,
}

/// What is live in a gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Registered records.
    pub live_sessions: u64,
    /// Armed orphan timers.
    pub reap_timers: u64,
    /// Turns, with those below.
    pub turns_running: u64,
    /// Turns whose session is gone.
    pub turns_without_session: u64,
    /// The registered records.
    pub sessions: Vec<Session>,
}

/// A registered record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// `m1` for the first.
    pub sid: String,
    /// The row that clients know, `(no row)` before there is one.
    pub session_key: String,
    /// The row that its agent writes.
    pub agent_session_id: Option<String>,
    /// Whether its agent is built.
    pub ready: bool,
    /// Whether a turn holds it.
    pub running: bool,
    /// Whether it is ended.
    pub finalized: bool,
    /// `ws-live`, `ws-closed`, `detached` or `stdio`.
    pub transport: String,
    /// Whether a prompt waits.
    pub queued_prompt: bool,
}

/// A step of the script as it was done. It repeats the step's keys, which are not read again.
#[derive(Clone, Debug, Deserialize)]
pub struct LogEntry {
    /// When, in seconds; none before the zero.
    pub t: Option<f64>,
    /// The step's word.
    #[serde(rename = "do")]
    pub word: String,
    /// The answer.
    #[serde(default)]
    pub result: Value,
}

/// One thing that a turn did.
#[derive(Clone, Debug, Deserialize)]
pub struct AgentEntry {
    /// When, in seconds.
    #[serde(default)]
    pub t: Option<f64>,
    /// `turn.start`, `tool`, …
    pub step: String,
    /// The turn's script.
    #[serde(default)]
    pub script: Option<String>,
}

impl Cell {
    /// Whether the log is that of the script, and the probes those it asks for.
    pub(super) fn check(&self, steps: &[RecordedStep]) -> Result<(), Misplaced> {
        if self.client_log.len() != steps.len() {
            let message = format!("{} entries for {} steps", self.client_log.len(), steps.len());
            return Err(("client_log".to_owned(), message));
        }
        for (index, (entry, step)) in self.client_log.iter().zip(steps).enumerate() {
            if entry.word != step.word {
                let message = format!("`{}` where the script has `{}`", entry.word, step.word);
                return Err((format!("client_log[{index}]"), message));
            }
        }
        let asked = steps.iter().filter(|step| step.is_probe()).count();
        if self.probes.len() != asked {
            return Err((
                "probes".to_owned(),
                format!("{} of the {asked} that the script asks for", self.probes.len()),
            ));
        }
        Ok(())
    }
}

fn one() -> f64 {
    1.0
}

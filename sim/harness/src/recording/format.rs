//! The JSON schema of a recording.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Misplaced;
use super::step::RecordedStep;
use super::time;

/// Environment variables by name. A value may be a string or a number.
pub(super) type Variables = BTreeMap<String, Value>;

/// The whole JSON document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) script: String,
    #[serde(default)]
    pub(super) about: String,
    #[serde(default = "one")]
    pub(super) grace_s: f64,
    #[serde(default)]
    pub(super) scripts: BTreeMap<String, Vec<Value>>,
    pub(super) steps: Vec<Value>,
    #[serde(default)]
    pub(super) env: Variables,
    #[serde(default)]
    pub(super) config: Map<String, Value>,
    /// By release. The order of names is also the order of releases: oldest first.
    pub(super) recorded: BTreeMap<String, Cell>,
}

/// The outcome of the script under one release.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The rows at the end of the script.
    pub rows: Vec<Row>,
    /// The gateway's memory at the end of the script; none while the gateway was down.
    pub memory: Option<Memory>,
    /// Rows and memory at the probes, in the order of the script.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// Requests and answers, one entry for each step.
    pub client_log: Vec<LogEntry>,
    /// What the turns executed, in order of time.
    #[serde(default)]
    pub agent_log: Vec<AgentEntry>,
    /// By client and event type, the number of events that the client received.
    #[serde(default)]
    pub delivered: BTreeMap<String, BTreeMap<String, u64>>,
    /// `true`, or how two runs on the real gateway differed.
    #[serde(default)]
    pub repeatable: Value,
    /// How two runs on the real gateway differed, where `repeatable` is `false`.
    #[serde(default)]
    pub differences: Value,
}

/// Rows and memory at one step of the script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The probe's name in the script; may be empty.
    #[serde(rename = "as", default)]
    pub name: String,
    /// Seconds after the zero, rounded to 0.1.
    #[serde(default)]
    pub t: Option<f64>,
    /// The rows at the probe, in the order of insertion.
    pub rows: Vec<Row>,
    /// The gateway's memory at the probe; none while the gateway was down.
    pub memory: Option<Memory>,
}

/// A session row, with counts of its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// `s1` for the first row.
    pub id: String,
    /// The kind of the client that made it.
    pub source: String,
    /// The row that it continues.
    pub parent_session_id: Option<String>,
    /// Seconds after the zero, rounded to 0.1.
    pub started_at: f64,
    /// Seconds after the zero, rounded to 0.1; none while the row is open.
    pub ended_at: Option<f64>,
    /// The column `end_reason`, for example `ws_orphan_reap`.
    pub end_reason: Option<String>,
    /// The column `message_count`, which may differ from `messages`.
    pub message_count: u64,
    /// The column `title`.
    #[serde(default)]
    pub title: Option<String>,
    /// The number of message rows.
    pub messages: u64,
    /// The number of message rows that no compression in place has archived.
    pub messages_active: u64,
    /// The messages, in the order of insertion. Left out in most recordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Vec<Content>>,
    /// Whether the row is open although no client, turn or timer will end it. Recorded only at the end of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ghost: Option<bool>,
    /// Whether the agent of a live record writes the row. Recorded only at the end of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_in_memory: Option<bool>,
}

/// A message of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// `user`, `assistant` or `tool`.
    pub role: String,
    /// The text; none for a message that is only a call.
    #[serde(default)]
    pub content: Option<String>,
}

/// The state in a gateway's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The number of registered records.
    pub live_sessions: u64,
    /// The number of armed orphan timers.
    pub reap_timers: u64,
    /// The number of running turns, including those of `turns_without_session`.
    pub turns_running: u64,
    /// The number of running turns whose record is not registered.
    pub turns_without_session: u64,
    /// The registered records, oldest first.
    pub sessions: Vec<Session>,
}

/// A registered record of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// `m1` for the first record.
    pub sid: String,
    /// The row that clients know; `(no row)` before it is inserted.
    pub session_key: String,
    /// The row that its agent writes; none before the agent is built.
    pub agent_session_id: Option<String>,
    /// Whether its agent is built.
    pub ready: bool,
    /// Whether a turn holds the record.
    pub running: bool,
    /// Whether the record is finalized.
    pub finalized: bool,
    /// `ws-live`, `ws-closed`, `detached` or `stdio`.
    pub transport: String,
    /// Whether a prompt is queued.
    pub queued_prompt: bool,
}

/// A step of the script as it was executed. The entry repeats the keys of the step, which are not read again.
#[derive(Clone, Debug, Deserialize)]
pub struct LogEntry {
    /// Seconds after the zero, rounded to 0.1; none before the zero.
    pub t: Option<f64>,
    /// The word of the step.
    #[serde(rename = "do")]
    pub word: String,
    /// The result of the request; null for a step without one.
    #[serde(default)]
    pub result: Value,
}

/// A step of a turn as it was executed.
#[derive(Clone, Debug, Deserialize)]
pub struct AgentEntry {
    /// Seconds after the zero, rounded to 0.1.
    #[serde(default)]
    pub t: Option<f64>,
    /// The kind of the step: `turn.start`, `tool`, …
    pub step: String,
    /// The name of the turn's script.
    #[serde(default)]
    pub script: Option<String>,
}

impl Cell {
    /// Checks that the log has the steps of the script, that every probe of the script is recorded, and that every time
    /// is one.
    pub(super) fn check(&self, steps: &[RecordedStep]) -> Result<(), Misplaced> {
        self.check_times()?;
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

    fn check_times(&self) -> Result<(), Misplaced> {
        let in_log =
            self.client_log.iter().enumerate().map(|(index, entry)| (format!("client_log[{index}].t"), entry.t));
        let by_agent =
            self.agent_log.iter().enumerate().map(|(index, entry)| (format!("agent_log[{index}].t"), entry.t));
        let at_probes = self.probes.iter().enumerate().map(|(index, probe)| (format!("probes[{index}].t"), probe.t));
        let rows_of_probes = self.probes.iter().enumerate().flat_map(|(index, probe)| {
            row_times(&probe.rows).map(move |(place, time)| (format!("probes[{index}].{place}"), time))
        });
        let times = in_log.chain(by_agent).chain(at_probes).chain(rows_of_probes).chain(row_times(&self.rows));
        for (place, seconds) in times {
            seconds.map_or(Ok(()), time::check).map_err(|message| (place, message))?;
        }
        Ok(())
    }
}

fn row_times(rows: &[Row]) -> impl Iterator<Item = (String, Option<f64>)> {
    rows.iter().enumerate().flat_map(|(index, row)| {
        let place = |column: &str| format!("rows[{index}].{column}");
        [(place("started_at"), Some(row.started_at)), (place("ended_at"), row.ended_at)]
    })
}

fn one() -> f64 {
    1.0
}

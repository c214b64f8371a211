//! A play as a recording: the file of `sim parity`.

use std::collections::BTreeMap;

use gateway_core::agent::CompressionMode;
use gateway_core::agent::script::{OnInterrupt, TurnScript, TurnStep};
use gateway_core::clock::Millis;
use serde_json::{Map, Value, json};
use sim_scenario::{Action, ConnectionStep, OnDisconnect, RequestStep, ResumeMode, ResumeTarget, Step};

use super::play::Confirmation;

/// Why a play is no recording: the format has no such thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recording has no {0}")]
pub struct NoRecording(String);

/// The document with the name of its script.
///
/// # Errors
/// The format of recordings has no word for a part of the script.
pub fn recording(name: &str, confirmation: &Confirmation) -> Result<Value, NoRecording> {
    let Confirmation { played, report, left, .. } = confirmation;
    if !played.rows.is_empty() {
        return Err(no("row from before its start"));
    }
    let mut scripts = Map::new();
    for (turn, script) in &played.turns {
        scripts.insert(turn.clone(), turn_steps(script)?);
    }
    let aliases = Aliases::of(confirmation);
    let zero = played.steps.first().map_or(Millis::ZERO, |step| step.at);
    let after = |at: Millis| (at.0 - zero.0) as f64 / 1000.0;
    let mut log = left.log.iter();
    let (mut steps, mut entries) = (Vec::new(), Vec::new());
    for (place, step) in played.steps.iter().enumerate() {
        let mut written = written(step)?;
        written["at"] = json!(after(step.at));
        if place == 0 {
            written["t0"] = json!(true);
        }
        let mut entry = json!({"t": after(step.at), "do": written["do"]});
        if let Action::Request(_) = &step.action {
            // The clients have asked in the order of the steps.
            let answer = log.next().and_then(|logged| logged.answer.as_ref());
            entry["result"] = answer.map_or(Value::Null, |answer| aliases.result(answer));
        }
        steps.push(written);
        entries.push(entry);
    }
    steps.push(json!({"do": "wait", "at": after(played.until)}));
    entries.push(json!({"t": after(played.until), "do": "wait"}));
    let delivered: BTreeMap<&String, BTreeMap<&str, u64>> = left
        .frames
        .iter()
        .map(|(client, heard)| {
            let mut counts = BTreeMap::new();
            for event in &heard.events {
                let kind = event.split(' ').next().unwrap_or_default();
                if ["message.complete", "error"].contains(&kind) {
                    *counts.entry(kind).or_default() += 1;
                }
            }
            (client, counts)
        })
        .collect();
    let cell = json!({
        "rows": aliases.rows(confirmation, zero),
        "memory": aliases.memory(confirmation),
        "client_log": entries,
        "delivered": delivered,
        "repeatable": "played once",
    });
    let mut document = json!({
        "script": name,
        "about": played.about,
        "grace_s": played.gateway.orphan_grace.0 as f64 / 1000.0,
        "scripts": scripts,
        "steps": steps,
        "recorded": {report.release.name(): cell},
    });
    if played.gateway.busy_input_mode != Default::default() {
        document["config"] = json!({"display": {"busy_input_mode": played.gateway.busy_input_mode}});
    }
    Ok(document)
}

fn no(what: impl Into<String>) -> NoRecording {
    NoRecording(what.into())
}

fn turn_steps(script: &TurnScript) -> Result<Value, NoRecording> {
    let seconds = |length: Millis| length.0 as f64 / 1000.0;
    let mut steps = Vec::new();
    for (place, step) in script.steps.iter().enumerate() {
        steps.push(match step {
            TurnStep::Tool { name, takes, interrupt } => {
                json!({"do": "tool", "name": name, "s": seconds(*takes), "interruptible": *interrupt == OnInterrupt::Stop})
            }
            TurnStep::Sleep { takes } => json!({"do": "sleep", "s": seconds(*takes)}),
            TurnStep::Say { text } => json!({"do": "say", "text": text}),
            TurnStep::Flush => json!({"do": "flush"}),
            TurnStep::Error { message } => json!({"do": "error", "text": message}),
            TurnStep::Compress { mode, takes } => {
                let mode = match mode {
                    CompressionMode::Default => "default",
                    CompressionMode::Rotate => "rotate",
                    CompressionMode::InPlace => "in_place",
                };
                json!({"do": "compress", "mode": mode, "s": seconds(*takes)})
            }
            // The answer of a turn that has none is the same word.
            TurnStep::Reply { text } if text == "done" && place + 1 == script.steps.len() => continue,
            TurnStep::Reply { .. } => return Err(no("answer of a turn but `done`")),
            TurnStep::Ask { .. } => return Err(no("turn step `ask`")),
            other => return Err(no(format!("turn step {:?}", serde_json::to_value(other).unwrap_or_default()))),
        });
    }
    Ok(Value::Array(steps))
}

/// The flat object of a step, without its time.
fn written(step: &Step) -> Result<Value, NoRecording> {
    let unknown = || no(format!("step `{}`", step.action.word()));
    let mut written = match &step.action {
        Action::Connection(ConnectionStep::Connect { .. }) => json!({"do": "connect"}),
        Action::Connection(ConnectionStep::Close) => json!({"do": "disconnect", "how": "close"}),
        Action::Connection(ConnectionStep::Drop) => json!({"do": "disconnect", "how": "abort"}),
        Action::Request(request) => self::request(request).ok_or_else(unknown)?,
        Action::Connection(_) | Action::Process(_) => return Err(unknown()),
    };
    written["client"] = step.client.as_str().into();
    Ok(written)
}

fn request(step: &RequestStep) -> Option<Value> {
    let of = |word: &str, session: &str| json!({"do": word, "session": session});
    Some(match step {
        RequestStep::Create { name, title, model, on_disconnect, start } => {
            let mut params = Map::new();
            let texts = [("title", title), ("model", model), ("source", &start.source)];
            params.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.as_deref()?.into()))));
            if *on_disconnect == OnDisconnect::Close {
                params.insert("close_on_disconnect".to_owned(), true.into());
            }
            if start.parent.is_some() || !start.seed.is_empty() {
                return None;
            }
            json!({"do": "create", "as": name, "ready": false, "params": params})
        }
        RequestStep::Resume { session, target, name, model: None, last_seen: None, mode } => {
            let mut written = of("resume", session);
            if let Some(name) = name {
                written["as"] = name.as_str().into();
            }
            if *target != ResumeTarget::Stored {
                written["id"] = target.name().into();
            }
            written["params"] = match mode {
                ResumeMode::Continue => json!({}),
                ResumeMode::ContinueWithAgent => json!({"eager_build": true}),
                ResumeMode::ReadOnly => json!({"lazy": true}),
            };
            written["ready"] = false.into();
            written
        }
        RequestStep::Prompt { session, prompt: sim_scenario::Prompt::Turn(turn), truncate, key: None } => {
            let mut written = of("prompt", session);
            written["script"] = turn.as_str().into();
            if let Some(ordinal) = truncate {
                written["params"] = json!({"truncate_before_user_ordinal": ordinal});
            }
            written
        }
        RequestStep::Title { session, title } => {
            let mut written = of("title", session);
            if let Some(title) = title {
                written["title"] = title.as_str().into();
            }
            written
        }
        RequestStep::Steer { session, text } => json!({"do": "steer", "session": session, "text": text}),
        RequestStep::Branch { session, name } => json!({"do": "branch", "session": session, "as": name}),
        RequestStep::Activate { session } => of("activate", session),
        RequestStep::CloseSession { session } => of("close", session),
        RequestStep::Interrupt { session } => of("interrupt", session),
        RequestStep::History { session } => of("history", session),
        RequestStep::Undo { session } => of("undo", session),
        RequestStep::Compress { session } => of("compress", session),
        RequestStep::MostRecent => json!({"do": "most_recent"}),
        RequestStep::ActiveList => json!({"do": "active_list"}),
        RequestStep::List => json!({"do": "list"}),
        RequestStep::Resume { .. }
        | RequestStep::Prompt { .. }
        | RequestStep::Status { .. }
        | RequestStep::Usage { .. }
        | RequestStep::Delete { .. }
        | RequestStep::Answer { .. }
        | RequestStep::EventsSince { .. } => return None,
    })
}

/// The names of a recording for ids: `m1` for the first runtime id, `s1` for the first row.
struct Aliases {
    runtime: Vec<String>,
    rows: Vec<String>,
}

impl Aliases {
    fn of(confirmation: &Confirmation) -> Self {
        let left = &confirmation.left;
        let mut runtime: Vec<String> = Vec::new();
        let named = left.log.iter().filter_map(|logged| logged.answer.as_ref()?["result"]["session_id"].as_str());
        for id in named {
            if !runtime.iter().any(|known| known == id) {
                runtime.push(id.to_owned());
            }
        }
        Self { runtime, rows: left.rows.iter().map(|row| row.id.clone()).collect() }
    }

    fn sid(&self, id: &str) -> String {
        let place = self.runtime.iter().position(|known| known == id);
        place.map_or_else(|| id.to_owned(), |place| format!("m{}", place + 1))
    }

    fn row(&self, id: &str) -> String {
        let place = self.rows.iter().position(|known| known == id);
        place.map_or_else(|| "(no row)".to_owned(), |place| format!("s{}", place + 1))
    }

    /// What a recording keeps of an answer.
    fn result(&self, answer: &Value) -> Value {
        if let Some(error) = answer.get("error") {
            return json!({"error": error["code"], "message": error["message"]});
        }
        let result = &answer["result"];
        let mut kept = Map::new();
        if let Some(id) = result["session_id"].as_str() {
            kept.insert("sid".to_owned(), self.sid(id).into());
        }
        for key in ["status", "running", "closed"] {
            if let Some(value) = result.get(key).filter(|value| value.is_string() || value.is_boolean()) {
                kept.insert(key.to_owned(), value.clone());
            }
        }
        Value::Object(kept)
    }

    fn rows(&self, confirmation: &Confirmation, zero: Millis) -> Value {
        let left = &confirmation.left;
        let seconds = |ms: i64| ((ms - zero.0.cast_signed()) as f64 / 100.0).round() / 10.0;
        let rows = left.rows.iter().zip(&left.messages).map(|(row, messages)| {
            let active = messages.iter().filter(|message| !message.ends_with(" (replaced)")).count();
            json!({
                "id": row.alias,
                "source": row.source,
                "parent_session_id": row.parent,
                "started_at": seconds(row.started_ms),
                "ended_at": row.ended_ms.map(seconds),
                "end_reason": row.end_reason,
                "message_count": row.message_count,
                "title": row.title,
                "messages": messages.len(),
                "messages_active": active,
            })
        });
        rows.collect()
    }

    fn memory(&self, confirmation: &Confirmation) -> Value {
        let memory = &confirmation.left.memory;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let records = memory["records"].as_array().into_iter().flatten();
        let sessions = records.map(|record| {
            let mut session = record.clone();
            session["sid"] = self.sid(&text(&record["sid"])).into();
            session["session_key"] = self.row(&text(&record["session_key"])).into();
            if let Some(row) = record["agent_session_id"].as_str() {
                session["agent_session_id"] = self.row(row).into();
            }
            session
        });
        json!({
            "live_sessions": memory["sessions"],
            "reap_timers": memory["timers"],
            "turns_running": memory["turns"],
            "turns_without_session": memory["turns_without_session"],
            "sessions": sessions.collect::<Vec<_>>(),
        })
    }
}

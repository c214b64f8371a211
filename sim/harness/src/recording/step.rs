//! The steps of a script: from the flat JSON object to a scenario's action.

use std::collections::BTreeMap;

use gateway_core::agent::CompressionMode;
use gateway_core::agent::script::{OnInterrupt, TurnScript, TurnStep};
use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Misplaced;
use super::time::millis;
use sim_scenario::{
    Action, ConnectionStep, OnDisconnect, ProcessStep, Prompt, RequestStep, ResumeMode, ResumeTarget, Start,
};

/// A step of a client or of the process.
#[derive(Clone, Debug)]
pub struct RecordedStep {
    /// The value of `do` in the file.
    pub word: String,
    /// The client that executes the step; none for a step of the process.
    pub client: Option<String>,
    /// The effect of the step.
    pub act: Act,
    /// The script's own time, in milliseconds after the zero; none for a step that directly follows the one before.
    pub at: Option<Millis>,
    /// Whether the step is the zero of all times.
    pub is_zero: bool,
}

/// The effect of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An action that scenarios have as well.
    Do {
        /// The action of the scenario.
        action: Action,
        /// Whether the next step does not wait until the agent that this step builds is ready.
        unready: bool,
    },
    /// Time passes: the length of the wait.
    Wait(Millis),
    /// Rows and memory are recorded under this name.
    Probe(String),
}

/// A step of the script as the JSON file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    #[serde(rename = "do")]
    word: String,
    client: Option<String>,
    at: Option<f64>,
    #[serde(default)]
    t0: bool,
    how: Option<String>,
    #[serde(rename = "as")]
    name: Option<String>,
    ready: Option<bool>,
    params: Option<Map<String, Value>>,
    session: Option<String>,
    script: Option<String>,
    id: Option<String>,
    s: Option<f64>,
    sig: Option<String>,
    /// A remark of the author, which is not read.
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// A step of a turn as the JSON file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgentStep {
    #[serde(rename = "do")]
    word: String,
    s: Option<f64>,
    text: Option<String>,
    mode: Option<CompressionMode>,
    interruptible: Option<bool>,
    name: Option<String>,
    message: Option<String>,
}

impl RecordedStep {
    /// Whether the step is a probe.
    pub fn is_probe(&self) -> bool {
        matches!(self.act, Act::Probe(_))
    }

    /// The scenario action; none for a wait or a probe.
    pub fn action(&self) -> Option<&Action> {
        match &self.act {
            Act::Do { action, .. } => Some(action),
            Act::Wait(_) | Act::Probe(_) => None,
        }
    }

    /// The length of a wait; zero for any other step.
    pub fn length(&self) -> Millis {
        match self.act {
            Act::Wait(length) => length,
            _ => Millis::ZERO,
        }
    }
}

impl RawStep {
    pub(super) fn read(self, index: usize) -> Result<RecordedStep, Misplaced> {
        let act = self.act().map_err(|message| (format!("steps[{index}] (`{}`)", self.word), message))?;
        let at = match self.at {
            Some(at) => Some(millis(at).ok_or_else(|| (format!("steps[{index}].at"), format!("not a time: {at}")))?),
            None => None,
        };
        let client = match &act {
            Act::Do { action, .. } if !action.is_of_process() => {
                let missing = || (format!("steps[{index}] (`{}`)", self.word), "needs `client`".to_owned());
                Some(self.client.ok_or_else(missing)?)
            }
            _ => None,
        };
        Ok(RecordedStep { word: self.word, client, act, at, is_zero: self.t0 })
    }

    fn act(&self) -> Result<Act, String> {
        let action: Action = match self.word.as_str() {
            "wait" => return Ok(Act::Wait(self.length()?)),
            "probe" => return Ok(Act::Probe(self.name.clone().unwrap_or_default())),
            "create" => return self.create(),
            "connect" => ConnectionStep::Connect.into(),
            "disconnect" => match self.how.as_deref() {
                Some("close") => ConnectionStep::Close.into(),
                Some("abort") | None => ConnectionStep::Drop.into(),
                Some(other) => return Err(format!("unknown `how`: `{other}`; there are `close` and `abort`")),
            },
            "prompt" => {
                let script = self.script.clone().ok_or("needs `script`")?;
                RequestStep::Prompt { session: self.session()?, prompt: Prompt::Turn(script), truncate: None }.into()
            }
            "resume" => {
                let mode = self.mode()?;
                let target = match self.id.as_deref() {
                    Some("stored") | None => ResumeTarget::Stored,
                    Some("tip") => ResumeTarget::Tip,
                    Some(other) => return Err(format!("unknown `id`: `{other}`; there are `stored` and `tip`")),
                };
                RequestStep::Resume { session: self.session()?, target, name: self.name.clone(), mode }.into()
            }
            "activate" => RequestStep::Activate { session: self.session()? }.into(),
            "close" => RequestStep::CloseSession { session: self.session()? }.into(),
            "interrupt" => RequestStep::Interrupt { session: self.session()? }.into(),
            "list" => RequestStep::List.into(),
            "idle_reap" => ProcessStep::ScanIdle.into(),
            "restart" => ProcessStep::Restart.into(),
            "kill" => match self.sig.as_deref() {
                None | Some("KILL") => ProcessStep::Kill.into(),
                Some("TERM") => ProcessStep::Signal { signal: Signal::Term }.into(),
                Some("INT") => ProcessStep::Signal { signal: Signal::Int }.into(),
                Some(other) => return Err(format!("unknown `sig`: `{other}`; there are `KILL`, `TERM` and `INT`")),
            },
            _ => return Err("unknown step".to_owned()),
        };
        let unready = matches!(action, Action::Request(RequestStep::Resume { .. })) && self.ready == Some(false);
        Ok(Act::Do { action, unready })
    }

    fn create(&self) -> Result<Act, String> {
        let (mut title, mut on_disconnect, mut start) = (None, OnDisconnect::Keep, Start::default());
        for (name, value) in self.params.iter().flatten() {
            match (name.as_str(), value) {
                // The width of the terminal concerns the display only.
                ("cols", Value::Number(_)) => {}
                ("title", Value::String(text)) => title = Some(text.clone()),
                ("source", Value::String(text)) => start.source = Some(text.clone()),
                ("parent_session_id", Value::String(name)) => start.parent = Some(name.clone()),
                ("messages", Value::Array(messages)) => start.seed = seed(messages)?,
                ("close_on_disconnect", Value::Bool(true)) => on_disconnect = OnDisconnect::Close,
                ("close_on_disconnect", Value::Bool(false)) => {}
                _ => return Err(format!("`params.{name}` = {value} has no equivalent in scenarios")),
            }
        }
        let name = self.name.clone().ok_or("needs `as`, the session's name in the script")?;
        Ok(Act::Do {
            action: RequestStep::Create { name, title, on_disconnect, start }.into(),
            unready: self.ready == Some(false),
        })
    }

    /// The purpose of a resume, from its parameters. Other parameters are errors.
    fn mode(&self) -> Result<ResumeMode, String> {
        let mut mode = ResumeMode::Continue;
        for (name, value) in self.params.iter().flatten() {
            match (name.as_str(), value) {
                // The width of the terminal concerns the display only.
                ("cols", Value::Number(_)) => {}
                ("eager_build", Value::Bool(true)) => mode = ResumeMode::ContinueWithAgent,
                ("eager_build", Value::Bool(false)) => {}
                _ => return Err(format!("`params.{name}` = {value} has no equivalent in scenarios")),
            }
        }
        Ok(mode)
    }

    fn session(&self) -> Result<String, String> {
        self.session.clone().ok_or_else(|| "needs `session`".to_owned())
    }

    fn length(&self) -> Result<Millis, String> {
        let seconds = self.s.unwrap_or_default();
        millis(seconds).ok_or_else(|| format!("`s` is not a duration: {seconds}"))
    }
}

impl RawAgentStep {
    pub(super) fn read(self, script: &str, index: usize) -> Result<TurnStep, Misplaced> {
        let place = format!("scripts.{script}[{index}] (`{}`)", self.word);
        self.step().map_err(|message| (place, message))
    }

    fn step(self) -> Result<TurnStep, String> {
        let takes = match self.s {
            Some(seconds) => Some(millis(seconds).ok_or_else(|| format!("`s` is not a duration: {seconds}"))?),
            None => None,
        };
        if self.interruptible == Some(false) && self.word != "tool" {
            return Err("`interruptible` is a key of `tool` only".to_owned());
        }
        let needed = takes.ok_or_else(|| "needs `s`".to_owned());
        Ok(match self.word.as_str() {
            "tool" => TurnStep::Tool {
                name: self.name.unwrap_or_else(|| "terminal".to_owned()),
                takes: needed?,
                interrupt: if self.interruptible == Some(false) { OnInterrupt::SitThrough } else { OnInterrupt::Stop },
            },
            "sleep" => TurnStep::Sleep { takes: needed? },
            "say" => TurnStep::Say { text: self.text.ok_or("needs `text`")? },
            "flush" => TurnStep::Flush,
            "compress" => TurnStep::Compress {
                mode: self.mode.unwrap_or(CompressionMode::Default),
                takes: takes.unwrap_or_default(),
            },
            "error" => {
                TurnStep::Error { message: self.text.or(self.message).unwrap_or_else(|| "scripted error".to_owned()) }
            }
            _ => return Err("unknown step of a turn".to_owned()),
        })
    }
}

/// The messages that a session starts with, in the form of scenarios: texts of user and assistant in turn.
fn seed(messages: &[Value]) -> Result<Vec<String>, String> {
    let roles = ["user", "assistant"].into_iter().cycle();
    let text = |(place, (message, role)): (usize, (&Value, &str))| {
        let content = [&message["content"], &message["text"]].into_iter().find_map(Value::as_str);
        content.filter(|_| message["role"] == role).map(str::to_owned).ok_or_else(|| {
            format!("`params.messages[{place}]` = {message} where a scenario has the {role}'s `role` and `content`")
        })
    };
    messages.iter().zip(roles).enumerate().map(text).collect()
}

/// The index of the one step that is the zero of all times.
pub(super) fn zero(steps: &[RecordedStep]) -> Result<usize, Misplaced> {
    let mut zeros = steps.iter().enumerate().filter(|(_, step)| step.is_zero);
    match (zeros.next(), zeros.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(("steps".to_owned(), "none is marked `t0`".to_owned())),
        (Some(_), Some((index, _))) => Err((format!("steps[{index}]"), "a second step is marked `t0`".to_owned())),
    }
}

/// Checks references between steps: prompts name scripts that exist, and sessions are named before they are used.
pub(super) fn check(steps: &[RecordedStep], turns: &BTreeMap<String, TurnScript>) -> Result<(), Misplaced> {
    let mut sessions: Vec<&str> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(action) = step.action() else { continue };
        let place = || format!("steps[{index}] (`{}`)", step.word);
        if let Some(session) = action.session().filter(|session| !sessions.contains(session)) {
            return Err((place(), format!("no step before names a session `{session}`")));
        }
        sessions.extend(action.names());
        if let Some(prompt) = action.prompt()
            && !turns.contains_key(prompt.text())
        {
            return Err((place(), format!("there is no script `{}`", prompt.text())));
        }
    }
    Ok(())
}

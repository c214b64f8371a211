//! The steps of a script: from the flat JSON object to a scenario's action.

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;
use serde_json::Value;

use super::error::Misplaced;
use super::keys::Keys;
use super::seed;
use sim_scenario::{
    Action, ConnectionStep, InitialSession, Memory, OnDisconnect, ProcessStep, Prompt, RequestStep, ResumeMode,
    ResumeTarget, SettingChanges, Start,
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
    /// Time passes until the agent of this session is built.
    WaitReady(String),
    /// Rows and memory are recorded under this name.
    Probe(String),
    /// The database has this row before the gateway starts.
    Seed(InitialSession),
}

/// What an unknown key of `params` is.
const NO_EQUIVALENT: &str = "has no equivalent in scenarios";

impl RecordedStep {
    /// Whether the step is a probe.
    pub fn is_probe(&self) -> bool {
        matches!(self.act, Act::Probe(_))
    }

    /// The scenario action; none for a wait or a probe.
    pub fn action(&self) -> Option<&Action> {
        match &self.act {
            Act::Do { action, .. } => Some(action),
            Act::Wait(_) | Act::WaitReady(_) | Act::Probe(_) | Act::Seed(_) => None,
        }
    }

    /// The length of a wait; zero for any other step.
    pub fn length(&self) -> Millis {
        match self.act {
            Act::Wait(length) => length,
            _ => Millis::ZERO,
        }
    }

    /// Reads the step at `steps[index]`.
    ///
    /// # Errors
    /// When it is not a step that scenarios have as well, with its place.
    pub(super) fn read(index: usize, value: Value) -> Result<Self, Misplaced> {
        let mut keys = Keys::of(format!("steps[{index}]"), value)?;
        let word = keys.word()?;
        let act = act(&word, &mut keys)?;
        let client = match &act {
            Act::Do { action, .. } if !action.is_of_process() => Some(keys.needed("client")?),
            _ => None,
        };
        let (at, is_zero) = (keys.length("at")?, keys.flag("t0")?.unwrap_or_default());
        // A remark of the author.
        keys.text("note")?;
        keys.finish("unknown key of this step")?;
        Ok(Self { word, client, act, at, is_zero })
    }
}

fn act(word: &str, keys: &mut Keys) -> Result<Act, Misplaced> {
    let action: Action = match word {
        "wait" => return Ok(Act::Wait(keys.length("s")?.unwrap_or_default())),
        "wait_ready" => return Ok(Act::WaitReady(keys.needed("session")?)),
        "probe" => return Ok(Act::Probe(keys.text("as")?.unwrap_or_default())),
        "seed" => return Ok(Act::Seed(seed::read(keys)?)),
        "create" => return create(keys),
        "resume" => return resume(keys),
        "connect" => ConnectionStep::Connect { memory: Memory::Kept }.into(),
        "disconnect" => match keys.text("how")?.as_deref() {
            Some("close") => ConnectionStep::Close.into(),
            Some("abort") | None => ConnectionStep::Drop.into(),
            Some(other) => return Err(keys.error(format!("unknown `how`: `{other}`; there are `close` and `abort`"))),
        },
        "idle_reap" => ProcessStep::ScanIdle.into(),
        "restart" => ProcessStep::Restart { changes: SettingChanges::default() }.into(),
        "kill" => match keys.text("sig")?.as_deref() {
            None | Some("KILL") => ProcessStep::Kill.into(),
            Some("TERM") => ProcessStep::Signal { signal: Signal::Term, stop_timeout: None }.into(),
            Some("INT") => ProcessStep::Signal { signal: Signal::Int, stop_timeout: None }.into(),
            Some(other) => {
                return Err(keys.error(format!("unknown `sig`: `{other}`; there are `KILL`, `TERM` and `INT`")));
            }
        },
        "list" => RequestStep::List.into(),
        "active_list" => RequestStep::ActiveList.into(),
        "most_recent" => RequestStep::MostRecent.into(),
        _ => of_session(word, keys)?.into(),
    };
    Ok(Act::Do { action, unready: false })
}

/// A request about one session.
fn of_session(word: &str, keys: &mut Keys) -> Result<RequestStep, Misplaced> {
    const WORDS: [&str; 10] =
        ["prompt", "activate", "close", "interrupt", "title", "history", "undo", "steer", "compress", "branch"];
    if !WORDS.contains(&word) {
        return Err(keys.error("unknown step"));
    }
    let session = keys.needed("session")?;
    Ok(match word {
        "prompt" => {
            let prompt = Prompt::Turn(keys.needed("script")?);
            let mut params = keys.inner("params")?;
            let truncate = params.whole("truncate_before_user_ordinal")?;
            params.finish(NO_EQUIVALENT)?;
            RequestStep::Prompt { session, prompt, truncate, key: None }
        }
        "activate" => RequestStep::Activate { session },
        "close" => RequestStep::CloseSession { session },
        "interrupt" => RequestStep::Interrupt { session },
        "title" => RequestStep::Title { session, title: keys.text("title")? },
        "history" => RequestStep::History { session },
        "undo" => RequestStep::Undo { session },
        "steer" => RequestStep::Steer { session, text: keys.needed("text")? },
        "compress" => RequestStep::Compress { session },
        _ => RequestStep::Branch { session, name: keys.needed("as")? },
    })
}

fn create(keys: &mut Keys) -> Result<Act, Misplaced> {
    let name = keys.text("as")?.ok_or_else(|| keys.error("needs `as`, the session's name in the script"))?;
    let unready = keys.flag("ready")? == Some(false);
    let mut params = keys.inner("params")?;
    // The width of the terminal concerns the display only.
    params.whole("cols")?;
    let title = params.text("title")?;
    let model = params.text("model")?;
    let on_disconnect = match params.flag("close_on_disconnect")? {
        Some(true) => OnDisconnect::Close,
        Some(false) | None => OnDisconnect::Keep,
    };
    let seed = params.list("messages")?.unwrap_or_default();
    let seed = messages(&seed).map_err(|(place, message)| params.error_at(&place, message))?;
    let start = Start { source: params.text("source")?, parent: params.text("parent_session_id")?, seed };
    params.finish(NO_EQUIVALENT)?;
    Ok(Act::Do { action: RequestStep::Create { name, title, model, on_disconnect, start }.into(), unready })
}

fn resume(keys: &mut Keys) -> Result<Act, Misplaced> {
    let (session, name) = (keys.needed("session")?, keys.text("as")?);
    let unready = keys.flag("ready")? == Some(false);
    let target = match keys.text("id")?.as_deref() {
        Some("stored") | None => ResumeTarget::Stored,
        Some("tip") => ResumeTarget::Tip,
        Some("title") => ResumeTarget::Title,
        Some(other) => {
            return Err(keys.error(format!("unknown `id`: `{other}`; there are `stored`, `tip` and `title`")));
        }
    };
    let mut params = keys.inner("params")?;
    // The width of the terminal concerns the display only.
    params.whole("cols")?;
    let mode = match (params.flag("lazy")?.unwrap_or_default(), params.flag("eager_build")?.unwrap_or_default()) {
        (false, false) => ResumeMode::Continue,
        (false, true) => ResumeMode::ContinueWithAgent,
        (true, false) => ResumeMode::ReadOnly,
        (true, true) => return Err(params.error("both `lazy` and `eager_build`")),
    };
    params.finish(NO_EQUIVALENT)?;
    let resume = RequestStep::Resume { session, target, name, model: None, last_seen: None, mode };
    Ok(Act::Do { action: resume.into(), unready })
}

/// The messages that a session starts with, in the form of scenarios: texts of user and assistant in turn. An error has
/// the place in `params`.
fn messages(messages: &[Value]) -> Result<Vec<String>, Misplaced> {
    let roles = ["user", "assistant"].into_iter().cycle();
    let text = |(place, (message, role)): (usize, (&Value, &str))| {
        let content = [&message["content"], &message["text"]].into_iter().find_map(Value::as_str);
        content.filter(|_| message["role"] == role).map(str::to_owned).ok_or_else(|| {
            let expected = format!("a scenario has the {role}'s `role` and `content` here, not {message}");
            (format!("messages[{place}]"), expected)
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

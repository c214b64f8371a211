//! The turn language, and the agent that follows it: for simulation, demos, tests and load.
//!
//! ```toml
//! [turns.refactor]
//! steps = [
//!     { tool = "terminal", takes = "4s" },
//!     { compress = "rotate", takes = "2s" },
//!     { reply = "done" },
//! ]
//! ```
//!
//! A prompt names a turn by its whole text. A prompt that names none is answered with itself.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use super::{
    Agent, Agents, BuildError, CompressError, CompressionMode, Interrupt, Question, QuestionKind, ToolCall, Turn,
    TurnEvent,
};
use crate::clock::{Clock, Millis};

/// What a turn does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnScript {
    /// One after the other.
    pub steps: Vec<TurnStep>,
}

/// One step of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum TurnStep {
    /// `{ tool = "terminal", takes = "4s" }`: a call before, its result after.
    Tool {
        /// The tool.
        name: String,
        /// How long it runs.
        takes: Millis,
        /// Whether it stops at an interrupt or sits through it.
        interrupt: OnInterrupt,
    },
    /// `{ compress = "rotate", takes = "2s" }`: a compression whose summary takes that long.
    Compress {
        /// How the rows are to show it.
        mode: CompressionMode,
        /// How long the summary takes.
        takes: Millis,
    },
    /// `{ say = "text" }`: a streamed message of the agent in the middle of the turn.
    Say {
        /// The text.
        text: String,
    },
    /// `{ ask = "clarify", text = "which one?" }`: a question to the user; the answer is the result of a tool call.
    Ask {
        /// What kind of answer is wanted.
        kind: QuestionKind,
        /// What is asked.
        text: String,
    },
    /// `{ sleep = "2s" }`: time only, as for a slow model.
    Sleep {
        /// How long.
        takes: Millis,
    },
    /// `{ flush = true }`: all messages so far are stored.
    Flush,
    /// `{ error = "text" }`: the turn raises.
    Error {
        /// What it raises.
        message: String,
    },
    /// `{ reply = "text" }`: the answer, which ends the turn. A turn without one ends with `done`.
    Reply {
        /// The text.
        text: String,
    },
}

/// What a tool does when its turn is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInterrupt {
    /// It stops at once.
    Stop,
    /// It runs to its end (`interruptible = false`).
    SitThrough,
}

impl TurnScript {
    /// How long the turn takes if nobody interrupts it.
    pub fn length(&self) -> Millis {
        self.steps.iter().fold(Millis::ZERO, |sum, step| {
            sum + match step {
                TurnStep::Tool { takes, .. } | TurnStep::Compress { takes, .. } | TurnStep::Sleep { takes } => *takes,
                _ => Millis::ZERO,
            }
        })
    }
}

/// Makes agents that follow scripts.
pub struct ScriptedAgents {
    clock: Rc<dyn Clock>,
    turns: Rc<BTreeMap<String, TurnScript>>,
    build: Millis,
    first_build: Cell<Option<Millis>>,
    failures: Cell<u32>,
    summary: Millis,
}

impl ScriptedAgents {
    /// Agents that know `turns`, wait on `clock` and take `build` to come to be.
    pub fn new(clock: Rc<dyn Clock>, turns: BTreeMap<String, TurnScript>, build: Millis) -> Self {
        let (first_build, failures) = (Cell::new(None), Cell::new(0));
        Self { clock, turns: Rc::new(turns), build, first_build, failures, summary: Millis::ZERO }
    }

    /// The same, but the first of them takes `first_build` to come to be.
    pub fn with_first_build(self, first_build: Option<Millis>) -> Self {
        Self { first_build: Cell::new(first_build), ..self }
    }

    /// The same, but the first `failures` cannot be built.
    pub fn with_failures(self, failures: u32) -> Self {
        Self { failures: Cell::new(failures), ..self }
    }

    /// The same, but a summary that a client asks for takes `summary` to write.
    pub fn with_summary(self, summary: Millis) -> Self {
        Self { summary, ..self }
    }
}

impl Agents for ScriptedAgents {
    fn build(&self) -> LocalBoxFuture<'static, Result<Rc<dyn Agent>, BuildError>> {
        let agent =
            ScriptedAgent { clock: Rc::clone(&self.clock), turns: Rc::clone(&self.turns), summary: self.summary };
        let (clock, length) = (Rc::clone(&self.clock), self.first_build.take().unwrap_or(self.build));
        let fails = self.failures.get() > 0;
        self.failures.set(self.failures.get().saturating_sub(1));
        async move {
            if length > Millis::ZERO {
                clock.sleep_until(clock.now().uptime + length).await;
            }
            if fails {
                return Err(BuildError("the script says so".to_owned()));
            }
            Ok(Rc::new(agent) as Rc<dyn Agent>)
        }
        .boxed_local()
    }
}

struct ScriptedAgent {
    clock: Rc<dyn Clock>,
    turns: Rc<BTreeMap<String, TurnScript>>,
    summary: Millis,
}

/// What the scripted agent has to say of any conversation.
const SUMMARY: &str = "summary of the conversation so far";

impl Agent for ScriptedAgent {
    fn start(&self, prompt: &str) -> Box<dyn Turn> {
        let steps = match self.turns.get(prompt) {
            Some(script) => script.steps.iter().cloned().collect(),
            None => VecDeque::from([TurnStep::Reply { text: prompt.to_owned() }]),
        };
        Box::new(ScriptedTurn {
            clock: Rc::clone(&self.clock),
            steps,
            queue: VecDeque::new(),
            calls: 0,
            answer: String::new(),
        })
    }

    fn compress<'a>(&'a self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, Result<String, CompressError>> {
        async move {
            if self.summary > Millis::ZERO {
                tokio::select! {
                    biased; // a summary that is there at the instant of the interrupt is there
                    () = self.clock.sleep_until(self.clock.now().uptime + self.summary) => {}
                    () = interrupt.raised() => return Err(CompressError::Interrupted),
                }
            }
            Ok(SUMMARY.to_owned())
        }
        .boxed_local()
    }
}

struct ScriptedTurn {
    clock: Rc<dyn Clock>,
    steps: VecDeque<TurnStep>,
    /// Moments of the present step that are still to come.
    queue: VecDeque<Moment>,
    calls: u32,
    /// The answer to the last question.
    answer: String,
}

/// A step of the script is one or more moments: what passes, then what is told.
enum Moment {
    Tell(TurnEvent),
    Pass(Millis, OnInterrupt),
    /// The end of a tool call, whose result depends on whether it was interrupted.
    ToolEnds(ToolCall),
    /// The end of a question, whose result is its answer.
    AnswerEnds(ToolCall),
}

impl Turn for ScriptedTurn {
    fn next<'a>(&'a mut self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, TurnEvent> {
        async move {
            loop {
                match self.queue.pop_front() {
                    Some(Moment::Tell(event)) => return event,
                    Some(Moment::Pass(takes, on_interrupt)) => self.pass(takes, on_interrupt, interrupt).await,
                    Some(Moment::ToolEnds(call)) => {
                        let result = if interrupt.is_raised() { "interrupted" } else { "ok" }.to_owned();
                        return TurnEvent::ToolFinished { call, result };
                    }
                    Some(Moment::AnswerEnds(call)) => {
                        return TurnEvent::ToolFinished { call, result: std::mem::take(&mut self.answer) };
                    }
                    None if interrupt.is_raised() => return TurnEvent::Interrupted,
                    None => self.begin_step(),
                }
            }
        }
        .boxed_local()
    }

    fn answer(&mut self, text: String) {
        self.answer = text;
    }
}

impl ScriptedTurn {
    fn call(&mut self, name: String) -> ToolCall {
        self.calls += 1;
        ToolCall { id: format!("call_{}", self.calls), name, args: "{}".to_owned() }
    }

    fn begin_step(&mut self) {
        let step = self.steps.pop_front().unwrap_or_else(|| TurnStep::Reply { text: "done".to_owned() });
        let moments = match step {
            TurnStep::Tool { name, takes, interrupt } => {
                let call = self.call(name);
                vec![
                    Moment::Tell(TurnEvent::ToolStarted { call: call.clone() }),
                    Moment::Pass(takes, interrupt),
                    Moment::ToolEnds(call),
                ]
            }
            TurnStep::Compress { mode, takes } => vec![
                Moment::Tell(TurnEvent::Compressing { mode }),
                Moment::Pass(takes, OnInterrupt::SitThrough),
                Moment::Tell(TurnEvent::Compressed { mode, summary: SUMMARY.to_owned() }),
            ],
            TurnStep::Say { text } => {
                vec![Moment::Tell(TurnEvent::Delta { text: text.clone() }), Moment::Tell(TurnEvent::Said { text })]
            }
            TurnStep::Ask { kind, text } => {
                let call = self.call("ask".to_owned());
                vec![
                    Moment::Tell(TurnEvent::ToolStarted { call: call.clone() }),
                    Moment::Tell(TurnEvent::Asked { question: Question { kind, text } }),
                    Moment::AnswerEnds(call),
                ]
            }
            TurnStep::Sleep { takes } => vec![Moment::Pass(takes, OnInterrupt::Stop)],
            TurnStep::Flush => vec![Moment::Tell(TurnEvent::Flush)],
            TurnStep::Error { message } => vec![Moment::Tell(TurnEvent::Failed { message })],
            TurnStep::Reply { text } => {
                vec![Moment::Tell(TurnEvent::Delta { text: text.clone() }), Moment::Tell(TurnEvent::Finished { text })]
            }
        };
        self.queue.extend(moments);
    }

    async fn pass(&self, takes: Millis, on_interrupt: OnInterrupt, interrupt: &Interrupt) {
        let over = self.clock.sleep_until(self.clock.now().uptime + takes);
        match on_interrupt {
            OnInterrupt::SitThrough => over.await,
            OnInterrupt::Stop => tokio::select! {
                biased; // a tool that ends at the instant of the interrupt has ended
                () = over => {}
                () = interrupt.raised() => {}
            },
        }
    }
}

/// A step as it is written: the key says which step it is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compress: Option<CompressionMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<QuestionKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sleep: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flush: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    takes: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interruptible: Option<bool>,
}

/// A turn step that is none, or two at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTurnStep {
    /// Not exactly one of the words.
    #[error(
        "a turn step has exactly one of `tool`, `compress`, `say`, `ask`, `sleep`, `flush`, `error`, `reply`; found {found}"
    )]
    NotOneWord {
        /// How many were found.
        found: usize,
    },
    /// A key that this step does not take.
    #[error("`{key}` does not go with `{step}`")]
    StrayKey {
        /// The key.
        key: &'static str,
        /// The step's word.
        step: &'static str,
    },
    /// A step that needs its length.
    #[error("`{step}` needs `takes`, for example `takes = \"4s\"`")]
    NoLength {
        /// The step's word.
        step: &'static str,
    },
    /// `flush = false`.
    #[error("`flush` can only be `true`")]
    NoFlush,
}

impl TryFrom<Written> for TurnStep {
    type Error = BadTurnStep;

    fn try_from(written: Written) -> Result<Self, BadTurnStep> {
        let Written { tool, compress, say, ask, text, sleep, flush, error, reply, takes, interruptible } = written;
        let words = [
            tool.is_some(),
            compress.is_some(),
            say.is_some(),
            ask.is_some(),
            sleep.is_some(),
            flush.is_some(),
            error.is_some(),
            reply.is_some(),
        ];
        let found = words.into_iter().filter(|there| *there).count();
        if found != 1 {
            return Err(BadTurnStep::NotOneWord { found });
        }
        if let Some(name) = tool.filter(|_| text.is_none()) {
            let takes = takes.ok_or(BadTurnStep::NoLength { step: "tool" })?;
            let interrupt = if interruptible == Some(false) { OnInterrupt::SitThrough } else { OnInterrupt::Stop };
            return Ok(Self::Tool { name, takes, interrupt });
        }
        let stray = |key, step| Err(BadTurnStep::StrayKey { key, step });
        if let Some(kind) = ask {
            return match (takes, interruptible) {
                (Some(_), _) => stray("takes", "ask"),
                (_, Some(_)) => stray("interruptible", "ask"),
                (None, None) => Ok(Self::Ask { kind, text: text.unwrap_or_default() }),
            };
        }
        if let Some(mode) = compress {
            let takes = takes.ok_or(BadTurnStep::NoLength { step: "compress" })?;
            return if interruptible.is_some() {
                stray("interruptible", "compress")
            } else {
                Ok(Self::Compress { mode, takes })
            };
        }
        let (word, step) = if let Some(text) = say {
            ("say", Self::Say { text })
        } else if let Some(takes) = sleep {
            ("sleep", Self::Sleep { takes })
        } else if let Some(message) = error {
            ("error", Self::Error { message })
        } else if let Some(text) = reply {
            ("reply", Self::Reply { text })
        } else if flush == Some(true) {
            ("flush", Self::Flush)
        } else {
            return Err(BadTurnStep::NoFlush);
        };
        match (takes, interruptible) {
            _ if text.is_some() => stray("text", word),
            (Some(_), _) => stray("takes", word),
            (_, Some(_)) => stray("interruptible", word),
            (None, None) => Ok(step),
        }
    }
}

impl From<TurnStep> for Written {
    fn from(step: TurnStep) -> Self {
        let none = Self::default();
        match step {
            TurnStep::Tool { name, takes, interrupt } => Self {
                tool: Some(name),
                takes: Some(takes),
                interruptible: (interrupt == OnInterrupt::SitThrough).then_some(false),
                ..none
            },
            TurnStep::Compress { mode, takes } => Self { compress: Some(mode), takes: Some(takes), ..none },
            TurnStep::Say { text } => Self { say: Some(text), ..none },
            TurnStep::Ask { kind, text } => {
                Self { ask: Some(kind), text: Some(text).filter(|text| !text.is_empty()), ..none }
            }
            TurnStep::Sleep { takes } => Self { sleep: Some(takes), ..none },
            TurnStep::Flush => Self { flush: Some(true), ..none },
            TurnStep::Error { message } => Self { error: Some(message), ..none },
            TurnStep::Reply { text } => Self { reply: Some(text), ..none },
        }
    }
}

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
//! A prompt whose whole text is the name of a turn runs that turn. Prompts that were merged into one while they waited run
//! the first turn that one of them names ([`named`]). The prompt [`CONTINUE`] runs the rest of the turn before it. Any other
//! prompt is answered with itself.

mod resumed;
mod written;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use super::{
    Agent, Agents, BuildError, CompressError, CompressionMode, Interrupt, Question, QuestionKind, ToolCall, Turn,
    TurnEvent,
};
use crate::clock::{Clock, Millis, Uptime};
use crate::store::NewMessage;
pub use resumed::CONTINUE;
pub use written::BadTurnStep;

/// The steps of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnScript {
    /// In the order in which they are carried out.
    pub steps: Vec<TurnStep>,
}

/// One step of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "written::Written", into = "written::Written")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TurnStep {
    /// `{ tool = "terminal", takes = "4s" }`: a call before, its result after.
    Tool {
        /// The tool's name, for example `terminal`.
        name: String,
        /// How long it runs.
        takes: Millis,
        /// Whether it stops at an interrupt or sits through it.
        interrupt: OnInterrupt,
    },
    /// `{ tools = [ { tool = "read", takes = "1s" }, { tool = "write", takes = "2s" } ] }`: one message with several calls,
    /// which run at once. Their results come in the order in which they end; an interrupt ends all.
    Tools {
        /// The calls, in the order of the message; one at least.
        calls: Vec<ParallelTool>,
    },
    /// `{ background = "build", takes = "30s" }`: a tool call that starts a job and returns. The outcome of the job is its
    /// name, which is then a prompt. Started again while it runs, it is the same job.
    Background {
        /// The job's name, unique among running jobs.
        job: String,
        /// How long it runs.
        takes: Millis,
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
        /// The text to show and store.
        text: String,
    },
    /// `{ ask = "clarify", text = "which one?" }`: a question to the user; the answer is the result of a tool call.
    Ask {
        /// What kind of answer is wanted.
        kind: QuestionKind,
        /// The text of the question.
        text: String,
    },
    /// `{ sleep = "2s" }`: time only, as for a slow model.
    Sleep {
        /// The duration, in virtual time under the simulator.
        takes: Millis,
    },
    /// `{ hang = true }`: the agent reports nothing more until it is interrupted.
    Hang,
    /// `{ late = "text", takes = "5s" }`: the answer, from an agent that ignores an interrupt meanwhile.
    Late {
        /// The text of the late answer.
        text: String,
        /// How long it works on it.
        takes: Millis,
    },
    /// `{ flush = true }`: all messages so far are stored.
    Flush,
    /// `{ error = "text" }`: the turn fails.
    Error {
        /// The text of the error.
        message: String,
    },
    /// `{ review = "text", takes = "3s" }`: a fork reviews the turn in the background, takes that long and reports the
    /// text; with `compress = "rotate"` it compresses its copy of the conversation meanwhile. It begins when the turn has
    /// been answered, wherever the step stands; the last such step counts.
    Review {
        /// The error message of the turn.
        text: String,
        /// How long it takes.
        takes: Millis,
        /// How it compresses its copy, if it does.
        compress: Option<CompressionMode>,
    },
    /// `{ reply = "text" }`: the answer, which ends the turn. A turn without one ends with `done`.
    Reply {
        /// The text of the answer.
        text: String,
    },
}

/// One of the calls that run at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ParallelTool {
    /// The tool's name, for example `terminal`.
    #[serde(rename = "tool")]
    pub name: String,
    /// How long it runs.
    pub takes: Millis,
}

/// What a tool does when its turn is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInterrupt {
    /// It stops at once.
    Stop,
    /// It runs to its end (`interruptible = false`).
    SitThrough,
}

/// The turn that a prompt names: by its whole text, or else by the first of its paragraphs that is the name of a turn.
pub fn named<'a>(turns: &'a BTreeMap<String, TurnScript>, prompt: &str) -> Option<&'a TurnScript> {
    turns.get(prompt).or_else(|| prompt.split("\n\n").find_map(|paragraph| turns.get(paragraph)))
}

impl TurnScript {
    /// How long the turn takes if it is not interrupted, together with its background work.
    pub fn length(&self) -> Millis {
        self.steps.iter().filter_map(TurnStep::takes).fold(Millis::ZERO, |sum, takes| sum + takes)
    }
}

impl TurnStep {
    /// How long it takes; `None` for a step that takes no time.
    pub fn takes(&self) -> Option<Millis> {
        match self {
            Self::Tools { calls } => calls.iter().map(|call| call.takes).max(),
            Self::Tool { takes, .. }
            | Self::Background { takes, .. }
            | Self::Compress { takes, .. }
            | Self::Sleep { takes }
            | Self::Late { takes, .. }
            | Self::Review { takes, .. } => Some(*takes),
            Self::Say { .. }
            | Self::Ask { .. }
            | Self::Hang
            | Self::Flush
            | Self::Error { .. }
            | Self::Reply { .. } => None,
        }
    }

    /// How long it takes, to be changed; `None` for a step that takes no time. Of calls that run at once, the longest.
    pub fn takes_mut(&mut self) -> Option<&mut Millis> {
        match self {
            Self::Tools { calls } => calls.iter_mut().map(|call| &mut call.takes).max(),
            Self::Tool { takes, .. }
            | Self::Background { takes, .. }
            | Self::Compress { takes, .. }
            | Self::Sleep { takes }
            | Self::Late { takes, .. }
            | Self::Review { takes, .. } => Some(takes),
            Self::Say { .. }
            | Self::Ask { .. }
            | Self::Hang
            | Self::Flush
            | Self::Error { .. }
            | Self::Reply { .. } => None,
        }
    }

    /// The same step, `factor` times as long.
    pub fn stretch(&mut self, factor: u64) {
        match self {
            Self::Tools { calls } => calls.iter_mut().for_each(|call| call.takes = call.takes.times(factor)),
            other => {
                if let Some(takes) = other.takes_mut() {
                    *takes = takes.times(factor);
                }
            }
        }
    }
}

/// Builds agents that follow scripts.
pub struct ScriptedAgents {
    clock: Rc<dyn Clock>,
    turns: Rc<BTreeMap<String, TurnScript>>,
    build: Millis,
    /// The lengths of the next builds, in their order.
    first_builds: RefCell<VecDeque<Millis>>,
    failures: Cell<u32>,
    summary: Millis,
}

impl ScriptedAgents {
    /// Agents that know `turns`, wait on `clock` and take `build` to be built.
    pub fn new(clock: Rc<dyn Clock>, turns: BTreeMap<String, TurnScript>, build: Millis) -> Self {
        let (first_builds, failures) = (RefCell::default(), Cell::new(0));
        Self { clock, turns: Rc::new(turns), build, first_builds, failures, summary: Millis::ZERO }
    }

    /// The same, but the first of them take `first_builds` to be built, in the order in which their builds start.
    pub fn with_first_builds(self, first_builds: Vec<Millis>) -> Self {
        Self { first_builds: RefCell::new(first_builds.into()), ..self }
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
        let (jobs, turns) = (Jobs::new(Rc::clone(&self.clock)), Rc::clone(&self.turns));
        let agent = ScriptedAgent { clock: Rc::clone(&self.clock), turns, summary: self.summary, jobs: Rc::new(jobs) };
        let length = self.first_builds.borrow_mut().pop_front().unwrap_or(self.build);
        let clock = Rc::clone(&self.clock);
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
    jobs: Rc<Jobs>,
}

/// The jobs of one agent, by when they are over.
struct Jobs {
    clock: Rc<dyn Clock>,
    over: RefCell<BTreeMap<String, Uptime>>,
}

impl Jobs {
    fn new(clock: Rc<dyn Clock>) -> Self {
        Self { clock, over: RefCell::default() }
    }

    /// Starts a job, unless it runs.
    fn start(&self, job: &str, takes: Millis) {
        let now = self.clock.now().uptime;
        let mut jobs = self.over.borrow_mut();
        let over = jobs.entry(job.to_owned()).or_default();
        if *over <= now {
            *over = now + takes;
        }
    }

    /// When a job is over; one that was never started is.
    fn over(&self, job: &str) -> Uptime {
        self.over.borrow().get(job).copied().unwrap_or_default()
    }
}

/// The summary of any conversation.
const SUMMARY: &str = "summary of the conversation so far";

impl Agent for ScriptedAgent {
    fn start(&self, request: &[NewMessage], prompt: &str) -> Box<dyn Turn> {
        let asked = named(&self.turns, prompt).map(|script| script.steps.clone());
        let resumed = || if prompt == CONTINUE { resumed::rest(&self.turns, request) } else { None };
        let steps = match asked.or_else(resumed) {
            Some(steps) => steps,
            None => vec![TurnStep::Reply { text: prompt.to_owned() }],
        };
        Box::new(ScriptedTurn::new(Rc::clone(&self.clock), Rc::clone(&self.jobs), steps))
    }

    fn outcome(&self, job: &str) -> LocalBoxFuture<'static, String> {
        let (over, job) = (self.clock.sleep_until(self.jobs.over(job)), job.to_owned());
        async move {
            over.await;
            job
        }
        .boxed_local()
    }

    fn compress<'a>(&'a self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, Result<String, CompressError>> {
        async move {
            if self.summary > Millis::ZERO {
                tokio::select! {
                    biased; // the end of the summary beats an interrupt of the same instant
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
    jobs: Rc<Jobs>,
    steps: VecDeque<TurnStep>,
    /// The steps of the fork that reviews the turn.
    review: Option<Vec<TurnStep>>,
    /// The parts of the present step that are still to come.
    queue: VecDeque<Part>,
    calls: u32,
    /// The answer to the last question.
    answer: String,
}

/// A part of a step: time that passes, or an event.
enum Part {
    Event(TurnEvent),
    Pass(Millis, OnInterrupt),
    /// Waits for ever; only an interrupt ends it.
    Hang,
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
                    Some(Part::Event(event)) => return event,
                    Some(Part::Pass(takes, on_interrupt)) => self.pass(takes, on_interrupt, interrupt).await,
                    Some(Part::Hang) => interrupt.raised().await,
                    Some(Part::ToolEnds(call)) => {
                        let result = if interrupt.is_raised() { "interrupted" } else { "ok" }.to_owned();
                        return TurnEvent::ToolFinished { call, result };
                    }
                    Some(Part::AnswerEnds(call)) => {
                        return TurnEvent::ToolFinished { call, result: std::mem::take(&mut self.answer) };
                    }
                    None if interrupt.is_raised() => return TurnEvent::Interrupted,
                    None => self.begin_step(),
                }
            }
        }
        .boxed_local()
    }

    fn review(&mut self) -> Option<Box<dyn Turn>> {
        let steps = self.review.take()?;
        Some(Box::new(Self::new(Rc::clone(&self.clock), Rc::clone(&self.jobs), steps)))
    }

    fn answer(&mut self, text: String) {
        self.answer = text;
    }
}

impl ScriptedTurn {
    fn new(clock: Rc<dyn Clock>, jobs: Rc<Jobs>, steps: Vec<TurnStep>) -> Self {
        let (reviews, steps): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|step| matches!(step, TurnStep::Review { .. }));
        let review = reviews.into_iter().next_back().map(look_back);
        Self { clock, jobs, steps: steps.into(), review, queue: VecDeque::new(), calls: 0, answer: String::new() }
    }

    fn call(&mut self, name: String) -> ToolCall {
        self.calls += 1;
        ToolCall { id: format!("call_{}", self.calls), name, args: "{}".to_owned() }
    }

    /// Calls that run at once: the results come in the order in which the tools end, those of one instant in the order of
    /// the calls.
    fn parallel(&mut self, tools: Vec<ParallelTool>) -> Vec<Part> {
        let mut running: Vec<_> = tools.into_iter().map(|tool| (tool.takes, self.call(tool.name))).collect();
        let calls = running.iter().map(|(_, call)| call.clone()).collect();
        let mut parts = vec![Part::Event(TurnEvent::ToolsStarted { calls })];
        running.sort_by_key(|(takes, _)| *takes);
        let mut passed = Millis::ZERO;
        for (takes, call) in running {
            parts.extend([Part::Pass(Millis(takes.0 - passed.0), OnInterrupt::Stop), Part::ToolEnds(call)]);
            passed = takes;
        }
        parts
    }

    fn begin_step(&mut self) {
        let step = self.steps.pop_front().unwrap_or_else(|| TurnStep::Reply { text: "done".to_owned() });
        let moments = match step {
            TurnStep::Tool { name, takes, interrupt } => {
                let call = self.call(name);
                vec![started(&call), Part::Pass(takes, interrupt), Part::ToolEnds(call)]
            }
            TurnStep::Tools { calls } => self.parallel(calls),
            TurnStep::Background { job, takes } => {
                let call = self.call("background".to_owned());
                self.jobs.start(&job, takes);
                vec![started(&call), Part::Event(TurnEvent::JobStarted { job }), Part::ToolEnds(call)]
            }
            TurnStep::Compress { mode, takes } => vec![
                Part::Event(TurnEvent::Compressing { mode }),
                Part::Pass(takes, OnInterrupt::SitThrough),
                Part::Event(TurnEvent::Compressed { mode, summary: SUMMARY.to_owned() }),
            ],
            TurnStep::Say { text } => {
                vec![Part::Event(TurnEvent::Delta { text: text.clone() }), Part::Event(TurnEvent::Said { text })]
            }
            TurnStep::Ask { kind, text } => {
                let call = self.call("ask".to_owned());
                vec![
                    started(&call),
                    Part::Event(TurnEvent::Asked { question: Question { kind, text } }),
                    Part::AnswerEnds(call),
                ]
            }
            TurnStep::Sleep { takes } => vec![Part::Pass(takes, OnInterrupt::Stop)],
            TurnStep::Review { .. } => unreachable!("reviews are taken out at the turn's beginning"),
            TurnStep::Hang => vec![Part::Hang],
            TurnStep::Late { text, takes } => vec![
                Part::Pass(takes, OnInterrupt::SitThrough),
                Part::Event(TurnEvent::Delta { text: text.clone() }),
                Part::Event(TurnEvent::Finished { text }),
            ],
            TurnStep::Flush => vec![Part::Event(TurnEvent::Flush)],
            TurnStep::Error { message } => vec![Part::Event(TurnEvent::Failed { message })],
            TurnStep::Reply { text } => {
                vec![Part::Event(TurnEvent::Delta { text: text.clone() }), Part::Event(TurnEvent::Finished { text })]
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

/// The event of one call.
fn started(call: &ToolCall) -> Part {
    Part::Event(TurnEvent::ToolsStarted { calls: vec![call.clone()] })
}

/// The steps of a fork that reviews a turn.
fn look_back(step: TurnStep) -> Vec<TurnStep> {
    let TurnStep::Review { text, takes, compress } = step else { return Vec::new() };
    let work = match compress {
        Some(mode) => TurnStep::Compress { mode, takes },
        None => TurnStep::Sleep { takes },
    };
    vec![work, TurnStep::Reply { text }]
}

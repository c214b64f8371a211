//! The agent that works on a prompt, seen from the gateway: a turn is a sequence of [`TurnEvent`]s.
//!
//! An agent talks to models and runs tools. It writes no rows and sends no frames: the gateway does, from the events that
//! the agent reports. So the writes and frames of a turn do not depend on the agent.

pub mod script;

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use tokio::sync::Notify;

use crate::store::NewMessage;

/// Builds agents, one for each live session.
pub trait Agents {
    /// Builds an agent. May take long, and may fail.
    ///
    /// Cancel safe: dropping the future leaves nothing behind.
    fn build(&self) -> LocalBoxFuture<'static, Result<Rc<dyn Agent>, BuildError>>;
}

/// The agent of one live session.
pub trait Agent {
    /// Starts work on a prompt. The turn begins when it is first asked for an event. `request` is the conversation that a
    /// model provider is sent, and ends with the prompt.
    fn start(&self, request: &[NewMessage], prompt: &str) -> Box<dyn Turn>;

    /// Waits for the end of a job that a turn of this agent has started ([`TurnEvent::JobStarted`]). Returns its outcome,
    /// in words that can be a prompt. A job that was started again is one job.
    ///
    /// Cancel safe: dropping the future leaves the job as it is.
    fn outcome(&self, job: &str) -> LocalBoxFuture<'static, String>;

    /// Writes a summary that can replace the conversation so far. May take long.
    ///
    /// Cancel safe: dropping the future leaves nothing behind. An interrupt ends it early.
    fn compress<'a>(&'a self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, Result<String, CompressError>>;
}

/// The work on one prompt.
pub trait Turn {
    /// Waits for the next event. After [`TurnEvent::Finished`], `Failed` or `Interrupted` it must not be called again.
    ///
    /// Not cancel safe: a dropped call loses the event it was waiting for.
    fn next<'a>(&'a mut self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, TurnEvent>;

    /// The work of a fork that reviews this turn in the background, if there is to be one. Called once, after
    /// [`TurnEvent::Finished`]. The fork's answer is the result of the review.
    fn review(&mut self) -> Option<Box<dyn Turn>>;

    /// Passes the answer to the question that [`next`](Self::next) returned last; empty if there was none.
    fn answer(&mut self, text: String);
}

/// One event of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEvent {
    /// A piece of the answer, streamed.
    Delta {
        /// The next piece of the answer.
        text: String,
    },
    /// A whole message of the agent, after its deltas.
    Said {
        /// The text to show and store.
        text: String,
    },
    /// The agent calls tools, in one message: all of them run at once.
    ToolsStarted {
        /// The calls as the model made them, one at least.
        calls: Vec<ToolCall>,
    },
    /// A tool has answered, or was stopped by an interrupt.
    ToolFinished {
        /// The call that has ended.
        call: ToolCall,
        /// The tool's output, stored as the result.
        result: String,
    },
    /// A job runs in the background from here on, also beyond the end of the turn.
    JobStarted {
        /// The agent's name for the job.
        job: String,
    },
    /// The agent asks its user, and waits for the answer ([`Turn::answer`]).
    Asked {
        /// The question to send to the client.
        question: Question,
    },
    /// A compression has begun: the agent writes a summary.
    Compressing {
        /// How the rows are to show it.
        mode: CompressionMode,
    },
    /// The compression has a summary, and its rows can be written.
    Compressed {
        /// How the rows are to show it.
        mode: CompressionMode,
        /// What replaces all but the last message.
        summary: String,
    },
    /// The agent wants all messages so far to be stored.
    Flush,
    /// The end: the answer.
    Finished {
        /// The answer's whole text.
        text: String,
    },
    /// The end: the agent gave up.
    Failed {
        /// The text of its error.
        message: String,
    },
    /// The end: the turn was interrupted.
    Interrupted,
}

/// One call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Unique in its turn.
    pub id: String,
    /// The tool's name, for example `terminal`.
    pub name: String,
    /// What it is asked to do.
    pub args: String,
}

/// A question to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What kind of answer is wanted.
    pub kind: QuestionKind,
    /// The text that the client shows.
    pub text: String,
}

/// What kind of answer a question wants (spec §4.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Any text. Answered with `clarify.respond`; empty after `clarify_timeout`.
    Clarify,
    /// A password for `sudo`. Answered with `sudo.respond`; empty after `sudo_timeout`.
    Sudo,
    /// A secret such as an API key. Answered with `secret.respond`; empty after `clarify_timeout`.
    Secret,
    /// Permission to run a command. Answered with `approval.respond`; `deny` after `approval_timeout`.
    Approval,
}

impl QuestionKind {
    /// The event that asks it.
    pub fn event(self) -> &'static str {
        match self {
            Self::Clarify => "clarify.request",
            Self::Sudo => "sudo.request",
            Self::Secret => "secret.request",
            Self::Approval => "approval.request",
        }
    }

    /// Its name in scenario files and in `question.resolved`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clarify => "clarify",
            Self::Sudo => "sudo",
            Self::Secret => "secret",
            Self::Approval => "approval",
        }
    }

    /// The method that answers it.
    pub const fn answered_by(self) -> &'static str {
        match self {
            Self::Clarify => "clarify.respond",
            Self::Sudo => "sudo.respond",
            Self::Secret => "secret.respond",
            Self::Approval => "approval.respond",
        }
    }

    /// The answer that a timeout gives.
    pub fn unanswered(self) -> &'static str {
        match self {
            Self::Clarify | Self::Sudo | Self::Secret => "",
            Self::Approval => "deny",
        }
    }
}

/// How a compression shows in the rows (spec §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CompressionMode {
    /// The mode of the setting `compression`.
    Default,
    /// The session continues under a new id.
    Rotate,
    /// The messages are replaced, the id stays.
    InPlace,
}

/// Why there is no summary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressError {
    /// The turn was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The agent could not write one.
    #[error("{0}")]
    Failed(String),
}

/// Why an agent could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// A request that a turn stop. It is raised once, and never taken back.
#[derive(Debug, Default)]
pub struct Interrupt {
    raised: Cell<bool>,
    waiters: Notify,
}

impl Interrupt {
    /// Asks the turn to stop.
    pub fn raise(&self) {
        self.raised.set(true);
        self.waiters.notify_waiters();
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.raised.get()
    }

    /// Waits until it is raised. Cancel safe.
    pub async fn raised(&self) {
        // Made before the test: a waiter that exists when `raise` runs is woken by it.
        let raised = self.waiters.notified();
        if !self.is_raised() {
            raised.await;
        }
    }
}

//! A step of the turn language as it is written: a flat table, one of whose keys names the step.

use serde::{Deserialize, Serialize};

use super::{OnInterrupt, ParallelTool, TurnStep};
use crate::agent::{CompressionMode, QuestionKind};
use crate::clock::Millis;

/// The step as the flat table that a file has.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = one_word))]
pub(super) struct Written {
    /// A call of this tool, for example `terminal`: the call before, its result after.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// One message with several calls, which run at once; an interrupt ends all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1)))]
    tools: Option<Vec<ParallelTool>>,
    /// A tool call that starts a job of this name and returns. The outcome of the job is then a prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<String>,
    /// A compression: how the rows are to show it. Beside `review`: how that compresses its copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    compress: Option<CompressionMode>,
    /// A streamed message of the agent in the middle of the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<String>,
    /// A question to the user: what kind of answer is wanted. The answer is the result of a tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<QuestionKind>,
    /// The text of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Time only, as for a slow model.
    #[serde(skip_serializing_if = "Option::is_none")]
    sleep: Option<Millis>,
    /// The agent reports nothing more until it is interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    hang: Option<bool>,
    /// The answer, from an agent that ignores an interrupt meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<String>,
    /// All messages so far are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    flush: Option<bool>,
    /// The turn fails with this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// A fork reviews the turn in the background and reports this text. It begins when the turn has been answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<String>,
    /// The answer, which ends the turn. A turn without one ends with `done`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// How long the step takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    takes: Option<Millis>,
    /// `false`: the tool runs to its end when its turn is interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    interruptible: Option<bool>,
}

/// Why a table is no turn step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTurnStep {
    /// Not exactly one of the words.
    #[error(
        "a turn step has exactly one of `tool`, `tools`, `background`, `compress`, `say`, `ask`, `sleep`, `hang`, `late`, `flush`, `error`, `review`, `reply`; found {found}"
    )]
    NotOneWord {
        /// How many were found.
        found: usize,
    },
    /// A key that this step does not take.
    #[error("`{key}` does not go with `{step}`")]
    StrayKey {
        /// The key that does not belong to the step.
        key: &'static str,
        /// The word of the step.
        step: &'static str,
    },
    /// A step that needs its length.
    #[error("`{step}` needs `takes`, for example `takes = \"4s\"`")]
    NoLength {
        /// The word of the step.
        step: &'static str,
    },
    /// `tools = []`.
    #[error("`tools` needs one call at least, for example `tools = [ {{ tool = \"read\", takes = \"4s\" }} ]`")]
    NoCall,
    /// `flush = false` or `hang = false`.
    #[error("`{key}` can only be `true`")]
    OnlyTrue {
        /// The key that is missing.
        key: &'static str,
    },
}

/// The words that `text` goes with.
const ASKING: &[&str] = &["ask"];
/// The words that `takes` goes with, and that need it.
const TIMED: &[&str] = &["tool", "background", "compress", "review", "late"];
/// The words that `interruptible` goes with.
const CALLING: &[&str] = &["tool"];

impl Written {
    /// Every key that can name the step, and whether it does.
    fn words(&self) -> [(&'static str, bool); 13] {
        [
            ("tool", self.tool.is_some()),
            ("tools", self.tools.is_some()),
            ("background", self.background.is_some()),
            // The key of a review, otherwise a step.
            ("compress", self.compress.is_some() && self.review.is_none()),
            ("say", self.say.is_some()),
            ("ask", self.ask.is_some()),
            ("sleep", self.sleep.is_some()),
            ("hang", self.hang.is_some()),
            ("late", self.late.is_some()),
            ("flush", self.flush.is_some()),
            ("error", self.error.is_some()),
            ("review", self.review.is_some()),
            ("reply", self.reply.is_some()),
        ]
    }

    /// The one key that names the step.
    fn word(&self) -> Result<&'static str, BadTurnStep> {
        let mut found = self.words().into_iter().filter_map(|(word, there)| there.then_some(word));
        match (found.next(), found.count()) {
            (Some(word), 0) => Ok(word),
            (first, more) => Err(BadTurnStep::NotOneWord { found: usize::from(first.is_some()) + more }),
        }
    }

    /// Refuses keys that do not go with the step's word.
    fn no_stray_key(&self, step: &'static str) -> Result<(), BadTurnStep> {
        let keys = [
            ("text", self.text.is_some(), ASKING),
            ("takes", self.takes.is_some(), TIMED),
            ("interruptible", self.interruptible.is_some(), CALLING),
        ];
        let stray = keys.into_iter().find(|(_, there, steps)| *there && !steps.contains(&step));
        stray.map_or(Ok(()), |(key, ..)| Err(BadTurnStep::StrayKey { key, step }))
    }
}

impl TryFrom<Written> for TurnStep {
    type Error = BadTurnStep;

    fn try_from(written: Written) -> Result<Self, BadTurnStep> {
        let step = written.word()?;
        written.no_stray_key(step)?;
        let takes = written.takes.ok_or(BadTurnStep::NoLength { step });
        Ok(match written {
            Written { tool: Some(name), interruptible, .. } => {
                let interrupt = if interruptible == Some(false) { OnInterrupt::SitThrough } else { OnInterrupt::Stop };
                Self::Tool { name, takes: takes?, interrupt }
            }
            Written { tools: Some(calls), .. } if calls.is_empty() => return Err(BadTurnStep::NoCall),
            Written { tools: Some(calls), .. } => Self::Tools { calls },
            Written { background: Some(job), .. } => Self::Background { job, takes: takes? },
            Written { review: Some(text), compress, .. } => Self::Review { text, takes: takes?, compress },
            Written { compress: Some(mode), .. } => Self::Compress { mode, takes: takes? },
            Written { say: Some(text), .. } => Self::Say { text },
            Written { ask: Some(kind), text, .. } => Self::Ask { kind, text: text.unwrap_or_default() },
            Written { sleep: Some(takes), .. } => Self::Sleep { takes },
            Written { late: Some(text), .. } => Self::Late { text, takes: takes? },
            Written { hang: Some(true), .. } => Self::Hang,
            Written { error: Some(message), .. } => Self::Error { message },
            Written { reply: Some(text), .. } => Self::Reply { text },
            Written { flush: Some(true), .. } => Self::Flush,
            Written { .. } => return Err(BadTurnStep::OnlyTrue { key: step }),
        })
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
            TurnStep::Tools { calls } => Self { tools: Some(calls), ..none },
            TurnStep::Background { job, takes } => Self { background: Some(job), takes: Some(takes), ..none },
            TurnStep::Compress { mode, takes } => Self { compress: Some(mode), takes: Some(takes), ..none },
            TurnStep::Say { text } => Self { say: Some(text), ..none },
            TurnStep::Ask { kind, text } => {
                Self { ask: Some(kind), text: Some(text).filter(|text| !text.is_empty()), ..none }
            }
            TurnStep::Sleep { takes } => Self { sleep: Some(takes), ..none },
            TurnStep::Hang => Self { hang: Some(true), ..none },
            TurnStep::Late { text, takes } => Self { late: Some(text), takes: Some(takes), ..none },
            TurnStep::Flush => Self { flush: Some(true), ..none },
            TurnStep::Error { message } => Self { error: Some(message), ..none },
            TurnStep::Review { text, takes, compress } => {
                Self { review: Some(text), takes: Some(takes), compress, ..none }
            }
            TurnStep::Reply { text } => Self { reply: Some(text), ..none },
        }
    }
}

/// Adds to the schema what the keys require of each other: one word, and the keys that go with it.
#[cfg(feature = "schema")]
fn one_word(schema: &mut schemars::Schema) {
    use serde_json::{Map, Value, json};

    let word = |(word, _): (&'static str, bool)| match word {
        "compress" => json!({ "required": [word], "not": { "required": ["review"] } }),
        word => json!({ "required": [word] }),
    };
    let words: Vec<Value> = Written::default().words().into_iter().map(word).collect();
    let one_of = |words: &[&str]| -> Value {
        json!({ "anyOf": words.iter().map(|word| json!({ "required": [word] })).collect::<Vec<_>>() })
    };
    let mut dependencies: Map<String, Value> =
        TIMED.iter().map(|word| (String::from(*word), json!(["takes"]))).collect();
    let goes_with = [("text", ASKING), ("takes", TIMED), ("interruptible", CALLING)];
    dependencies.extend(goes_with.map(|(key, words)| (key.to_owned(), one_of(words))));
    schema.insert("oneOf".to_owned(), words.into());
    schema.insert("dependencies".to_owned(), dependencies.into());
}

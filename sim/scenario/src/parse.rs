//! The raw types of a file: values with their positions.
//!
//! Reports mistakes of TOML and of single values. Keys that depend on other keys are optional here, so that `step` and
//! `check` can report what is missing and why.

mod facts;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use gateway_core::store::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::entries::Entries;
use super::error::{ScenarioError, Source};
use super::expected::ExpectedOutcome;
use super::fault::{CallSide, Fault, Ratio};
use super::settings::{Journal, Latency, Synchronous};
use super::shape;
use super::step::RawStep;
use crate::placed::Spanned;
pub(super) use facts::{RawExpect, RawFrames, RawMemory, RawMessageFact, RawRowFact};

/// The top level of a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Scenario")]
pub(super) struct RawScenario {
    /// One sentence: what the scenario shows.
    #[schemars(required)]
    pub(super) about: Option<Spanned<String>>,
    /// Related public issues as `project#number`, and defects of the catalogue as `S1`. Left out: none.
    #[serde(default)]
    pub(super) issues: Vec<String>,
    /// The releases it runs against, in the order of the file. Left out: `current` alone.
    pub(super) releases: Option<Spanned<Vec<Item<Release>>>>,
    /// The seed of the ids. The strategy has a seed of its own. Left out: 0.
    #[serde(default)]
    pub(super) seed: u64,
    /// Whether any step, fault or window of the file may have no effect.
    #[serde(default)]
    pub(super) may_skip: bool,
    /// The end of the script's time. Left out: the last step, the length of every prompted turn, and three graces.
    pub(super) until: Option<Spanned<Millis>>,
    /// The settings of the gateway. `gateway serve --config` reads the same table.
    #[serde(default)]
    pub(super) gateway: Config,
    /// Fields of behaviour that are set on top of each release: `"group.field" = "alternative"`.
    #[schemars(schema_with = "shape::behavior")]
    #[serde(default)]
    pub(super) behavior: Entries<String, Spanned<String>>,
    /// Connections between clients and the gateway.
    #[serde(default)]
    pub(super) network: RawNetwork,
    /// Latencies and faults of the database.
    #[serde(default)]
    pub(super) store: RawStore,
    /// How long a race window of an old release stays open. Left out: only to tasks that are ready at that instant.
    #[serde(default)]
    pub(super) windows: Entries<Window, Spanned<Latency>>,
    /// How agents are built.
    #[serde(default)]
    pub(super) agent: RawAgent,
    /// What the database holds before the gateway starts.
    #[serde(default)]
    pub(super) rows: RawRows,
    /// What the agent does when a prompt names this turn.
    #[serde(default)]
    pub(super) turns: BTreeMap<String, RawTurn>,
    /// The script.
    #[serde(default)]
    pub(super) steps: Vec<Spanned<RawStep>>,
    /// The expected end of a run for a release, and facts of rows, frames and memory.
    #[serde(default)]
    pub(super) expect: RawExpect,
    /// For a release, the recorded choices of the run.
    #[serde(default)]
    pub(super) tape: Entries<Release, Spanned<String>>,
}

/// The table `[network]`, see [`NetworkSettings`](super::NetworkSettings).
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    /// The latency of a frame, in either direction. Left out: none.
    pub(super) latency: Option<Spanned<Latency>>,
    /// The number of frames that a connection buffers for its client. Left out: 64.
    pub(super) buffer: Option<NonZeroU32>,
    /// The silence of a client after which it gets a ping, and after which it counts as gone if it does not answer that. A
    /// client whose network is cut and one that has vanished do not answer. Left out: no pings.
    #[serde(default)]
    pub(super) ping: Millis,
}

/// The table `[store]`, see [`StoreSettings`](super::StoreSettings).
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    /// The time from a write call to its commit. Left out: none.
    pub(super) before_commit: Option<Spanned<Latency>>,
    /// The time from a commit to the answer. Left out: none.
    pub(super) after_commit: Option<Spanned<Latency>>,
    /// The time from reading the rows to the answer, which is stale by then. Left out: none.
    pub(super) after_lookup: Option<Spanned<Latency>>,
    /// The calls that fail. If several entries match a call, the first in the file applies.
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
    /// The probability that any other call fails.
    pub(super) odds: Option<Spanned<RawOdds>>,
    /// When SQLite waits for the disk, which matters where the power is lost. Left out: as the served gateway has it.
    #[serde(default)]
    pub(super) synchronous: Synchronous,
    /// Where SQLite keeps a transaction that is not in the file yet. Left out: as the served gateway has it.
    #[serde(default)]
    pub(super) journal: Journal,
}

/// One table of `[[store.faults]]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    /// The kind of writes that fail; `any` for all.
    #[schemars(extend("enum" = CallSide::Write.words()))]
    pub(super) write: Option<Spanned<String>>,
    /// The kind of reads that fail; `any` for all.
    #[schemars(extend("enum" = CallSide::Read.words()))]
    pub(super) read: Option<Spanned<String>>,
    /// Only the call with this number fails, counted from 1. Left out: each call.
    pub(super) nth: Option<Spanned<u32>>,
    /// Only calls at or after this time count. Left out: from the start of the run.
    #[serde(default)]
    pub(super) from: Millis,
    /// Only calls before this time count. Left out: to the end of the run.
    pub(super) until: Option<Spanned<Millis>>,
    /// The way in which the call fails.
    #[schemars(required, extend("enum" = Fault::WORDS))]
    pub(super) fault: Option<Spanned<String>>,
    /// Of `busy`: the duration of the lock.
    pub(super) lasts: Option<Spanned<Millis>>,
    /// Of `power`: the change of the disk that the write does not make any more, counted from 1.
    pub(super) change: Option<Spanned<u32>>,
    /// Whether it is allowed that no call fails by it.
    #[serde(default)]
    pub(super) may_skip: bool,
}

/// The table `[store.odds]`, see [`Odds`](super::Odds).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOdds {
    /// Another process delays the write.
    #[serde(default)]
    pub(super) busy: Ratio,
    /// The write or read fails, and nothing is written.
    #[serde(default)]
    pub(super) error: Ratio,
    /// The write is committed, and its answer is lost.
    #[serde(default)]
    pub(super) lost: Ratio,
}

/// The table `[agent]`, see [`AgentSettings`](super::AgentSettings).
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgent {
    /// The duration of a build. Left out: none.
    #[serde(default)]
    pub(super) build: Millis,
    /// The duration of the first build of the run, or a list with those of the first ones in their order. Left out:
    /// `build`.
    #[serde(default)]
    pub(super) first_build: Lengths,
    /// The number of builds that fail, from the first on. Left out: 0.
    #[serde(default)]
    pub(super) failures: u32,
    /// The duration of a summary that a client requests with `session.compress`. Left out: none.
    #[serde(default)]
    pub(super) summary: Millis,
}

/// The table `[rows]`, see [`InitialSession`](super::InitialSession).
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRows {
    /// Session rows that another process has stored, parents before their children.
    #[serde(default)]
    pub(super) sessions: Vec<Spanned<RawSession>>,
    /// Messages of these rows, each with `session`, the id of its row.
    #[serde(default)]
    pub(super) messages: Vec<Spanned<RawMessage>>,
}

/// One table of `[[rows.sessions]]`. The names of the columns are accepted too.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = shape::aliases([
    ("parent", "parent_session_id"),
    ("started", "started_at"),
    ("ended", "ended_at"),
    ("reason", "end_reason"),
]))]
pub(super) struct RawSession {
    /// The primary key.
    #[schemars(required)]
    pub(super) id: Option<Spanned<String>>,
    /// The session's name in the script. Left out: the id.
    #[serde(rename = "as")]
    pub(super) name: Option<Spanned<String>>,
    /// The kind of client that made it. Left out: `tui`.
    pub(super) source: Option<String>,
    /// The id of an earlier row, which this one continues or was branched from.
    #[serde(alias = "parent_session_id")]
    pub(super) parent: Option<Spanned<String>>,
    /// Whether it is a conversation of its own that began with the messages of the parent.
    pub(super) branch: Option<Spanned<bool>>,
    /// The title, which no other row has.
    pub(super) title: Option<Spanned<String>>,
    /// The name of the model.
    pub(super) model: Option<String>,
    /// The working folder.
    pub(super) cwd: Option<String>,
    /// How long before the run it was started. Left out: an hour.
    #[serde(alias = "started_at")]
    pub(super) started: Option<Spanned<Millis>>,
    /// How long before the run it was ended. Left out: it is open.
    #[serde(alias = "ended_at")]
    pub(super) ended: Option<Spanned<Millis>>,
    /// The value of `end_reason`, which may be a word of another program.
    #[serde(alias = "end_reason")]
    pub(super) reason: Option<Spanned<String>>,
    /// The messages, oldest first, each a millisecond after the one before.
    #[serde(default)]
    pub(super) messages: Vec<Spanned<RawMessage>>,
}

/// A message of a row, in the row or in a table of `[[rows.messages]]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = shape::aliases([("session", "session_id"), ("content", "text")]))]
pub(super) struct RawMessage {
    /// In `[[rows.messages]]`: the id of its row.
    #[serde(alias = "session_id")]
    pub(super) session: Option<Spanned<String>>,
    /// The role of the speaker.
    #[schemars(required)]
    pub(super) role: Option<Role>,
    /// The text.
    #[serde(alias = "text")]
    pub(super) content: Option<String>,
    /// Of a tool's result: the call that it answers.
    pub(super) tool_call_id: Option<Spanned<String>>,
    /// Of an assistant's message: the calls that it makes, a list in JSON.
    pub(super) tool_calls: Option<Spanned<String>>,
    /// Of a tool's result: the name of the tool.
    pub(super) tool_name: Option<Spanned<String>>,
    /// `false` for a message that a compression in place has replaced. Left out: `true`.
    pub(super) active: Option<bool>,
}

/// A table `[turns.NAME]`: the steps of a turn.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTurn {
    /// In the order in which they are carried out.
    pub(super) steps: Vec<Item<TurnStep>>,
}

/// A table `[expect.RELEASE]`, see [`Expected`](super::Expected).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpected {
    /// How the run ends. Left out: `passed`, or by `violates`.
    pub(super) outcome: Option<Spanned<ExpectedOutcome>>,
    /// The invariants that the run violates, exactly these.
    pub(super) violates: Option<Spanned<Names>>,
}

/// An element of a list. Its mistakes are reported at the element.
///
/// Without this newtype, the `toml` crate reports an error of `try_from` at the whole list.
#[derive(Deserialize, JsonSchema)]
#[schemars(transparent)]
pub(super) struct Item<T>(pub(super) Spanned<T>);

/// `"name"` or `["a", "b"]`.
pub(super) enum Names {
    One(String),
    Many(Vec<Spanned<String>>),
}

/// `"5s"` or `["0s", "5s"]`.
#[derive(Default)]
pub(super) struct Lengths(pub(super) Vec<Millis>);

/// The name of an invariant; `schema` knows them.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(super) struct Violation(#[expect(dead_code, reason = "it is there for its schema")] String);

impl JsonSchema for Names {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        shape::one_or_several(&generator.subschema_for::<Violation>(), 1, None)
    }
}

impl JsonSchema for Lengths {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Lengths".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        shape::one_or_several(&generator.subschema_for::<Millis>(), 0, None)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        shape::one_or_several(&generator.subschema_for::<Millis>(), 2, Some(2))
    }
}

/// Parses the text, without interpreting words.
pub(super) fn read(source: &Source<'_>) -> Result<RawScenario, ScenarioError> {
    toml::from_str(source.text).map_err(|error| source.toml_error(&error))
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Names, E> {
                Ok(Names::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Names::Many(names))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

impl<'de> Deserialize<'de> for Lengths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Lengths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length such as \"5s\", or a list of lengths")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Lengths, E> {
                Millis::try_from(text.to_owned()).map(|length| Lengths(vec![length])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lengths, A::Error> {
                let mut lengths = Vec::new();
                while let Some(Item(length)) = list.next_element::<Item<Millis>>()? {
                    lengths.push(length.into_inner());
                }
                Ok(Lengths(lengths))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

/// `"5ms"` or `["1ms", "20ms"]`. `check` compares the bounds, where the position is known.
impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FixedOrBounds;

        impl<'de> Visitor<'de> for FixedOrBounds {
            type Value = Latency;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length such as \"5ms\", or two as in [\"1ms\", \"20ms\"]")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Latency, E> {
                Millis::try_from(text.to_owned()).map(Latency::fixed).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Latency, A::Error> {
                let mut bound = |place| match list.next_element::<Item<Millis>>()? {
                    Some(Item(length)) => Ok(length.into_inner()),
                    None => Err(A::Error::invalid_length(place, &self)),
                };
                let latency = Latency { min: bound(0)?, max: bound(1)? };
                match list.next_element::<Item<Millis>>()? {
                    Some(_) => Err(A::Error::invalid_length(3, &self)),
                    None => Ok(latency),
                }
            }
        }

        deserializer.deserialize_any(FixedOrBounds)
    }
}

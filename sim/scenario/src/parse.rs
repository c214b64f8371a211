//! The raw types of a file: values with their positions.
//!
//! Reports mistakes of TOML and of single values. Keys that depend on other keys are optional here, so that `step` and
//! `check` can report what is missing and why.

mod facts;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use gateway_core::store::Role;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use toml::Spanned;

use super::entries::Entries;
use super::error::{ScenarioError, Source};
use super::expected::ExpectedOutcome;
use super::fault::Ratio;
use super::settings::{Journal, Latency, Synchronous};
use super::step::RawStep;
pub(super) use facts::{RawExpect, RawFrames, RawMemory, RawMessageFact, RawRowFact};

/// The top level of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    pub(super) about: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) issues: Vec<String>,
    pub(super) releases: Option<Spanned<Vec<Item<Release>>>>,
    #[serde(default)]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) may_skip: bool,
    pub(super) until: Option<Spanned<Millis>>,
    #[serde(default)]
    pub(super) gateway: Config,
    #[serde(default)]
    pub(super) behavior: Entries<String, Spanned<String>>,
    #[serde(default)]
    pub(super) network: RawNetwork,
    #[serde(default)]
    pub(super) store: RawStore,
    #[serde(default)]
    pub(super) windows: Entries<Window, Spanned<Latency>>,
    #[serde(default)]
    pub(super) agent: RawAgent,
    #[serde(default)]
    pub(super) rows: RawRows,
    #[serde(default)]
    pub(super) turns: BTreeMap<String, RawTurn>,
    #[serde(default)]
    pub(super) steps: Vec<Spanned<RawStep>>,
    #[serde(default)]
    pub(super) expect: RawExpect,
    #[serde(default)]
    pub(super) tape: Entries<Release, Spanned<String>>,
}

/// The table `[network]`, see [`NetworkSettings`](super::NetworkSettings).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    pub(super) latency: Option<Spanned<Latency>>,
    pub(super) buffer: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) ping: Millis,
}

/// The table `[store]`, see [`StoreSettings`](super::StoreSettings).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    pub(super) before_commit: Option<Spanned<Latency>>,
    pub(super) after_commit: Option<Spanned<Latency>>,
    pub(super) after_lookup: Option<Spanned<Latency>>,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
    pub(super) odds: Option<Spanned<RawOdds>>,
    #[serde(default)]
    pub(super) synchronous: Synchronous,
    #[serde(default)]
    pub(super) journal: Journal,
}

/// One table of `[[store.faults]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    pub(super) write: Option<Spanned<String>>,
    pub(super) read: Option<Spanned<String>>,
    pub(super) nth: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) from: Millis,
    pub(super) until: Option<Spanned<Millis>>,
    pub(super) fault: Option<Spanned<String>>,
    pub(super) lasts: Option<Spanned<Millis>>,
    pub(super) change: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) may_skip: bool,
}

/// The table `[store.odds]`, see [`Odds`](super::Odds).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOdds {
    #[serde(default)]
    pub(super) busy: Ratio,
    #[serde(default)]
    pub(super) error: Ratio,
    #[serde(default)]
    pub(super) lost: Ratio,
}

/// The table `[agent]`, see [`AgentSettings`](super::AgentSettings).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgent {
    #[serde(default)]
    pub(super) build: Millis,
    #[serde(default)]
    pub(super) first_build: Lengths,
    #[serde(default)]
    pub(super) failures: u32,
    #[serde(default)]
    pub(super) summary: Millis,
}

/// The table `[rows]`, see [`InitialSession`](super::InitialSession).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRows {
    #[serde(default)]
    pub(super) sessions: Vec<Spanned<RawSession>>,
    #[serde(default)]
    pub(super) messages: Vec<Spanned<RawMessage>>,
}

/// One table of `[[rows.sessions]]`. The names of the columns are accepted too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSession {
    pub(super) id: Option<Spanned<String>>,
    #[serde(rename = "as")]
    pub(super) name: Option<Spanned<String>>,
    pub(super) source: Option<String>,
    #[serde(alias = "parent_session_id")]
    pub(super) parent: Option<Spanned<String>>,
    pub(super) branch: Option<Spanned<bool>>,
    pub(super) title: Option<Spanned<String>>,
    pub(super) model: Option<String>,
    pub(super) cwd: Option<String>,
    #[serde(alias = "started_at")]
    pub(super) started: Option<Spanned<Millis>>,
    #[serde(alias = "ended_at")]
    pub(super) ended: Option<Spanned<Millis>>,
    #[serde(alias = "end_reason")]
    pub(super) reason: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) messages: Vec<Spanned<RawMessage>>,
}

/// A message of a row, in the row or in a table of `[[rows.messages]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessage {
    #[serde(alias = "session_id")]
    pub(super) session: Option<Spanned<String>>,
    pub(super) role: Option<Role>,
    #[serde(alias = "text")]
    pub(super) content: Option<String>,
    pub(super) tool_call_id: Option<Spanned<String>>,
    pub(super) tool_calls: Option<Spanned<String>>,
    pub(super) tool_name: Option<Spanned<String>>,
    pub(super) active: Option<bool>,
}

/// A table `[turns.NAME]`: the steps of a turn.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTurn {
    pub(super) steps: Vec<Item<TurnStep>>,
}

/// A table `[expect.RELEASE]`, see [`Expected`](super::Expected).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpected {
    pub(super) outcome: Option<Spanned<ExpectedOutcome>>,
    pub(super) violates: Option<Spanned<Names>>,
}

/// An element of a list. Its mistakes are reported at the element.
///
/// Without this newtype, the `toml` crate reports an error of `try_from` at the whole list.
#[derive(Deserialize)]
pub(super) struct Item<T>(pub(super) Spanned<T>);

/// `"name"` or `["a", "b"]`.
pub(super) enum Names {
    One(String),
    Many(Vec<Spanned<String>>),
}

/// `"5s"` or `["0s", "5s"]`.
#[derive(Default)]
pub(super) struct Lengths(pub(super) Vec<Millis>);

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

//! The raw tables of `expect`: one for each release, and lists of facts.

use std::borrow::Cow;
use std::fmt;

use gateway_core::Method;
use gateway_core::clock::Millis;
use gateway_core::release::Release;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::Table;

use super::{Item, RawExpected};
use crate::nearest::nearest;
use crate::placed::Spanned;
use crate::shape;

/// The table `expect`.
#[derive(Default)]
pub(crate) struct RawExpect {
    pub(crate) releases: Vec<(Spanned<Release>, RawExpected)>,
    pub(crate) rows: Vec<Spanned<RawRowFact>>,
    pub(crate) frames: Vec<Spanned<RawFrames>>,
    pub(crate) memory: Vec<Spanned<RawMemory>>,
}

/// One table of `[[expect.rows]]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = shape::aliases([("parent_session_id", "parent"), ("end_reason", "reason")]))]
pub(crate) struct RawRowFact {
    /// The release it is expected of. Left out: all of the file.
    pub(crate) release: Option<Spanned<Release>>,
    /// The releases it is expected of.
    pub(crate) releases: Option<Spanned<Vec<Item<Release>>>>,
    /// The instant, after all its events. Left out: the end of the script's time.
    pub(crate) at: Option<Spanned<Millis>>,
    /// The row whose id the clients know the session by.
    pub(crate) session: Option<Spanned<String>>,
    /// With `session`: the newest row of the session's lineage.
    pub(crate) tip: Option<Spanned<bool>>,
    /// A row by its alias in snapshots (`s2`), or by its stored id.
    pub(crate) row: Option<Spanned<String>>,
    /// The stored id.
    pub(crate) id: Option<Spanned<String>>,
    /// The kind of client that created the session.
    pub(crate) source: Option<Spanned<String>>,
    /// The row that this one continues, by alias, session or stored id.
    #[serde(alias = "parent")]
    pub(crate) parent_session_id: Option<Spanned<String>>,
    /// The wall time of the start, from the start of the script.
    pub(crate) started_at: Option<Spanned<Millis>>,
    /// The wall time of the end, from the start of the script.
    pub(crate) ended_at: Option<Spanned<Millis>>,
    /// Why it ended.
    #[serde(alias = "reason")]
    pub(crate) end_reason: Option<Spanned<String>>,
    /// The number of messages.
    pub(crate) message_count: Option<Spanned<i64>>,
    /// The number of tool calls.
    pub(crate) tool_call_count: Option<Spanned<i64>>,
    /// The title.
    pub(crate) title: Option<Spanned<String>>,
    /// The model.
    pub(crate) model: Option<Spanned<String>>,
    /// Whether the row has no `ended_at`.
    pub(crate) open: Option<Spanned<bool>>,
    /// How many rows match. Left out: at least one.
    pub(crate) count: Option<Spanned<i64>>,
    /// Sessions or rows, in the order in which their rows were inserted.
    pub(crate) order: Option<Spanned<Vec<Spanned<String>>>>,
    /// The messages of the row that are not replaced, all of them and in their order.
    pub(crate) messages: Option<Spanned<Vec<Spanned<RawMessageFact>>>>,
}

/// An element of `messages`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMessageFact {
    /// `user`, `assistant`, `tool` or another role. Left out: any.
    pub(crate) role: Option<String>,
    /// The content. Left out: any.
    pub(crate) text: Option<String>,
}

/// One table of `[[expect.frames]]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFrames {
    /// The release it is expected of. Left out: all of the file.
    pub(crate) release: Option<Spanned<Release>>,
    /// The releases it is expected of.
    pub(crate) releases: Option<Spanned<Vec<Item<Release>>>>,
    /// The client that receives the frames.
    #[schemars(required)]
    pub(crate) client: Option<Spanned<String>>,
    /// Events of this type.
    pub(crate) event: Option<Spanned<String>>,
    /// Answers to requests of this method; with `kind = "error"` refusals.
    #[schemars(extend("enum" = Method::ALL.iter().map(|method| method.name()).collect::<Vec<_>>()))]
    pub(crate) method: Option<Spanned<String>>,
    /// Events, answers or errors.
    #[schemars(extend("enum" = ["event", "answer", "error"]))]
    pub(crate) kind: Option<Spanned<String>>,
    /// The session that the frame is about.
    pub(crate) session: Option<Spanned<String>>,
    /// The first instant.
    pub(crate) after: Option<Spanned<Millis>>,
    /// The instant before which the frames arrive.
    pub(crate) before: Option<Spanned<Millis>>,
    /// Paths of fields and their values. Every field has to match.
    #[schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")]
    #[serde(rename = "match")]
    pub(crate) fields: Option<Spanned<Table>>,
    /// How many frames match. Left out: at least one. 0: none may arrive.
    pub(crate) count: Option<Spanned<i64>>,
}

/// One table of `[[expect.memory]]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMemory {
    /// The release it is expected of. Left out: all of the file.
    pub(crate) release: Option<Spanned<Release>>,
    /// The releases it is expected of.
    pub(crate) releases: Option<Spanned<Vec<Item<Release>>>>,
    /// The instant, after all its events. Left out: the end of the script's time.
    pub(crate) at: Option<Spanned<Millis>>,
    /// Live sessions.
    pub(crate) sessions: Option<Spanned<i64>>,
    /// Armed orphan timers.
    pub(crate) timers: Option<Spanned<i64>>,
    /// Running turns.
    pub(crate) turns: Option<Spanned<i64>>,
    /// Prompts that wait for a running turn.
    pub(crate) waiting: Option<Spanned<i64>>,
    /// Served connections.
    pub(crate) connections: Option<Spanned<i64>>,
}

/// A key of the table `expect`.
enum Key {
    Release(Release),
    Rows,
    Frames,
    Memory,
}

/// The keys of `expect` that are no releases.
const FACTS: [&str; 3] = ["rows", "frames", "memory"];

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "rows" => Ok(Self::Rows),
            "frames" => Ok(Self::Frames),
            "memory" => Ok(Self::Memory),
            found => match Release::try_from(text.clone()) {
                Ok(release) => Ok(Self::Release(release)),
                // The words of facts are not listed with every wrong release, but the nearest of them is suggested.
                Err(_) if nearest(found, FACTS).is_some() => Err(D::Error::custom(format!(
                    "unknown key `{found}`, expected a release or one of `rows`, `frames`, `memory`"
                ))),
                Err(error) => Err(D::Error::custom(error)),
            },
        }
    }
}

impl JsonSchema for RawExpect {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let end = generator.subschema_for::<RawExpected>();
        let releases = Release::ALL.into_iter().map(|release| (release.name().to_owned(), end.clone().to_value()));
        let facts = [
            ("rows", generator.subschema_for::<Vec<RawRowFact>>()),
            ("frames", generator.subschema_for::<Vec<RawFrames>>()),
            ("memory", generator.subschema_for::<Vec<RawMemory>>()),
        ];
        let facts = facts.into_iter().map(|(key, facts)| (key.to_owned(), facts.to_value()));
        shape::table(releases.chain(facts).collect())
    }
}

impl<'de> Deserialize<'de> for RawExpect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = RawExpect;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of releases, or lists of tables such as `[[expect.rows]]`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawExpect, A::Error> {
                let mut expect = RawExpect::default();
                while let Some(key) = map.next_key::<Spanned<Key>>()? {
                    let place = key.span();
                    match key.into_inner() {
                        Key::Release(release) => {
                            expect.releases.push((Spanned::new(place, release), map.next_value()?));
                        }
                        Key::Rows => expect.rows = map.next_value()?,
                        Key::Frames => expect.frames = map.next_value()?,
                        Key::Memory => expect.memory = map.next_value()?,
                    }
                }
                Ok(expect)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

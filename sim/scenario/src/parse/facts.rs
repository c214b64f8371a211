//! The raw tables of `expect`: one for each release, and lists of facts.

use std::fmt;

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::{Spanned, Table};

use super::{Item, RawExpected};
use crate::nearest::nearest;

/// The table `expect`.
#[derive(Default)]
pub(crate) struct RawExpect {
    pub(crate) releases: Vec<(Spanned<Release>, RawExpected)>,
    pub(crate) rows: Vec<Spanned<RawRowFact>>,
    pub(crate) frames: Vec<Spanned<RawFrames>>,
    pub(crate) memory: Vec<Spanned<RawMemory>>,
}

/// One table of `[[expect.rows]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRowFact {
    pub(crate) release: Option<Spanned<Release>>,
    pub(crate) releases: Option<Spanned<Vec<Item<Release>>>>,
    pub(crate) at: Option<Spanned<Millis>>,
    pub(crate) session: Option<Spanned<String>>,
    pub(crate) tip: Option<Spanned<bool>>,
    pub(crate) row: Option<Spanned<String>>,
    pub(crate) id: Option<Spanned<String>>,
    pub(crate) source: Option<Spanned<String>>,
    #[serde(alias = "parent")]
    pub(crate) parent_session_id: Option<Spanned<String>>,
    pub(crate) started_at: Option<Spanned<Millis>>,
    pub(crate) ended_at: Option<Spanned<Millis>>,
    #[serde(alias = "reason")]
    pub(crate) end_reason: Option<Spanned<String>>,
    pub(crate) message_count: Option<Spanned<i64>>,
    pub(crate) tool_call_count: Option<Spanned<i64>>,
    pub(crate) title: Option<Spanned<String>>,
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) open: Option<Spanned<bool>>,
    pub(crate) count: Option<Spanned<i64>>,
    pub(crate) order: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) messages: Option<Spanned<Vec<Spanned<RawMessageFact>>>>,
}

/// An element of `messages`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMessageFact {
    pub(crate) role: Option<String>,
    pub(crate) text: Option<String>,
}

/// One table of `[[expect.frames]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFrames {
    pub(crate) release: Option<Spanned<Release>>,
    pub(crate) releases: Option<Spanned<Vec<Item<Release>>>>,
    pub(crate) client: Option<Spanned<String>>,
    pub(crate) event: Option<Spanned<String>>,
    pub(crate) method: Option<Spanned<String>>,
    pub(crate) kind: Option<Spanned<String>>,
    pub(crate) session: Option<Spanned<String>>,
    pub(crate) after: Option<Spanned<Millis>>,
    pub(crate) before: Option<Spanned<Millis>>,
    #[serde(rename = "match")]
    pub(crate) fields: Option<Spanned<Table>>,
    pub(crate) count: Option<Spanned<i64>>,
}

/// One table of `[[expect.memory]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMemory {
    pub(crate) release: Option<Spanned<Release>>,
    pub(crate) releases: Option<Spanned<Vec<Item<Release>>>>,
    pub(crate) at: Option<Spanned<Millis>>,
    pub(crate) sessions: Option<Spanned<i64>>,
    pub(crate) timers: Option<Spanned<i64>>,
    pub(crate) turns: Option<Spanned<i64>>,
    pub(crate) waiting: Option<Spanned<i64>>,
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

//! What all entries together say: the release, the settings, and which connections are clients.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::config::{BusyInput, Config};
use gateway_core::release::Release;
use serde_json::{Map, Value};

use super::answers::Answers;
use super::{Choices, NothingRecorded};
use crate::journal::{Entry, Event};

/// How the release is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The user has said it.
    Given,
    /// The gateway has said it.
    Told,
    /// Its events have numbers, which only `current` gives them.
    Numbered,
    /// Not at all.
    Assumed,
}

/// The result.
pub(super) struct Seen<'a> {
    pub(super) release: Release,
    pub(super) known: Known,
    /// The version that the gateway names, if no release here has it.
    pub(super) other_version: Option<String>,
    pub(super) config: Config,
    /// The names of the connections that are clients.
    pub(super) clients: BTreeMap<u64, String>,
    /// The answer to each request.
    pub(super) answers: Answers<'a>,
    pub(super) wall_ms: u64,
    pub(super) gateway: String,
    /// The stored ids from before the recording.
    pub(super) earlier: BTreeSet<String>,
    /// The time of the last entry.
    pub(super) end: u64,
    /// Whether the last entry is the end of the recording.
    pub(super) finished: bool,
}

/// Looks through the entries.
pub(super) fn look<'a>(entries: &'a [Entry], choices: &Choices) -> Result<Seen<'a>, NothingRecorded> {
    let Some(Event::Began { wall_ms, gateway, rows }) = entries.first().map(|entry| &entry.event) else {
        return Err(NothingRecorded::NoBeginning);
    };
    let mut clients = BTreeMap::new();
    let (mut version, mut numbered, mut config) = (None, false, Config::default());
    for entry in entries {
        match &entry.event {
            Event::Request(_) => name(&mut clients, entry.connection),
            Event::Notice(notice) => {
                name(&mut clients, entry.connection);
                numbered |= notice["seq"].is_u64();
                let said = notice["payload"]["version"].as_str().map(str::to_owned);
                version = said.or(version);
            }
            Event::Answer(answer) => {
                let said = answer["result"]["info"]["version"].as_str().map(str::to_owned);
                version = said.or(version);
                settings(&answer["result"]["config"], &mut config);
            }
            _ => {}
        }
    }
    if clients.is_empty() {
        return Err(NothingRecorded::NoClient);
    }
    for (key, value) in &choices.settings {
        set(&mut config, key, value);
    }
    let said = version.as_deref().and_then(|version| version.parse::<Release>().ok());
    let (release, known) = match (choices.release, said) {
        (Some(release), _) => (release, Known::Given),
        (None, Some(release)) => (release, Known::Told),
        (None, None) if numbered => (Release::Current, Known::Numbered),
        (None, None) => (Release::Current, Known::Assumed),
    };
    Ok(Seen {
        release,
        known,
        other_version: version.filter(|_| said.is_none()),
        config,
        clients,
        answers: Answers::of(entries),
        wall_ms: *wall_ms,
        gateway: gateway.clone(),
        earlier: rows.clone(),
        end: entries.iter().map(|entry| entry.at).max().unwrap_or_default(),
        finished: matches!(entries.last().map(|entry| &entry.event), Some(Event::Finished)),
    })
}

impl Seen<'_> {
    /// Whether waiting prompts are merged into one turn (field `queue.slots`).
    pub(super) fn merges(&self) -> bool {
        let fields = self.release.behavior().fields();
        fields.iter().any(|field| field.name == "queue.slots" && field.value == "one_merged")
    }
}

fn name(clients: &mut BTreeMap<u64, String>, connection: u64) {
    let next = clients.len() + 1;
    clients.entry(connection).or_insert_with(|| format!("client_{next}"));
}

/// The settings in an answer to `config.get`.
fn settings(said: &Value, config: &mut Config) {
    for (key, value) in said["gateway"].as_object().into_iter().flatten() {
        set(config, key, value);
    }
    if let Ok(busy) = serde_json::from_value::<BusyInput>(said["display"]["busy_input_mode"].clone()) {
        config.busy_input_mode = busy;
    }
}

/// Sets one setting. One that does not exist or has another type is left out.
fn set(config: &mut Config, key: &str, value: &Value) {
    let Ok(Value::Object(mut settings)) = serde_json::to_value(&*config) else { return };
    settings.insert(key.to_owned(), value.clone());
    let settings: Map<String, Value> = settings;
    if let Ok(changed) = serde_json::from_value(Value::Object(settings)) {
        *config = changed;
    }
}

//! What a user interface asks beside its sessions, answered with what is true here: `setup.status`, `config.get`,
//! `commands.catalog`, `complete.slash`, `complete.path`, `pet.cells`, `input.detect_drop`.
//!
//! The terminal UI that ships with hermes-agent stays at its first screen without these. A gateway that has no such thing
//! says so: no commands, no pet, no files.

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::OfSession;
use crate::rpc::{Error, code};
use crate::state::Gateway;

/// Whether there is something that can work on a prompt. There is always an agent.
pub(super) fn setup() -> Value {
    json!({"provider_configured": true})
}

/// Parameters of `config.get`.
#[derive(Deserialize)]
pub(super) struct Get {
    key: String,
}

/// The settings: all of them, one that upstream has under another name, or when they were changed last.
pub(super) fn config(gateway: &Gateway, params: &Get) -> Result<Value, Error> {
    let busy = gateway.config.busy_input_mode;
    match params.key.as_str() {
        "full" => Ok(json!({"config": {"gateway": gateway.config, "display": {"busy_input_mode": busy}}})),
        "busy" => Ok(json!({"value": busy})),
        // They are read once, at the start, so whoever asks again has nothing new to read.
        "mtime" => Ok(json!({"mtime": 0})),
        unknown => Err(Error::new(code::INVALID_PARAMS, format!("no such setting: {unknown}"))),
    }
}

/// The commands that the gateway carries out: none. A client keeps its own.
pub(super) fn commands() -> Value {
    json!({"pairs": [], "sub": {}, "canon": {}, "categories": [], "skill_count": 0})
}

/// How a word that is being written could go on: nobody here knows of commands or paths.
pub(super) fn completions() -> Value {
    json!({"items": []})
}

/// The picture of a pet.
pub(super) fn pet() -> Value {
    json!({"enabled": false})
}

/// Whether the text of a prompt is a file that was dropped on the window: the gateway reads no files.
pub(super) fn dropped(gateway: &Gateway, params: &OfSession) -> Result<Value, Error> {
    params.find(gateway)?;
    Ok(json!({"matched": false}))
}

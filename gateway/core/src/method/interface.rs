//! The requests of a user interface that concern no session: `setup.status`, `config.get`, `commands.catalog`,
//! `complete.slash`, `complete.path`, `pet.cells`, `input.detect_drop`.
//!
//! The terminal UI that ships with hermes-agent needs them to get past its first screen. The gateway has no commands, pets
//! or files, and answers so.

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::OfSession;
use crate::rpc::{Error, code};
use crate::state::Gateway;

/// Whether a model is configured. There is always an agent.
pub(super) fn setup() -> Value {
    json!({"provider_configured": true})
}

/// The parameters of `config.get`.
#[derive(Deserialize)]
pub(super) struct Get {
    key: String,
}

/// All settings, one that upstream has under another name, or the time of their last change.
pub(super) fn config(gateway: &Gateway, params: &Get) -> Result<Value, Error> {
    let busy = gateway.config.busy_input_mode;
    match params.key.as_str() {
        "full" => Ok(json!({"config": {"gateway": gateway.config, "display": {"busy_input_mode": busy}}})),
        "busy" => Ok(json!({"value": busy})),
        // Settings are read once, at the start, and never change.
        "mtime" => Ok(json!({"mtime": 0})),
        unknown => Err(Error::new(code::INVALID_PARAMS, format!("no such setting: {unknown}"))),
    }
}

/// The slash commands of the gateway: none. A client keeps its own.
pub(super) fn commands() -> Value {
    json!({"pairs": [], "sub": {}, "canon": {}, "categories": [], "skill_count": 0})
}

/// Completions of a command or a path: none.
pub(super) fn completions() -> Value {
    json!({"items": []})
}

/// The pet on the screen: none.
pub(super) fn pet() -> Value {
    json!({"enabled": false})
}

/// Whether a text is the path of a file that was dropped on the window: never, since the gateway reads no files.
pub(super) fn dropped(gateway: &Gateway, params: &OfSession) -> Result<Value, Error> {
    params.find(gateway)?;
    Ok(json!({"matched": false}))
}

//! Environment and configuration of the recorded gateway as a [`Config`]. An unknown variable or setting is an error.

use gateway_core::clock::Millis;
use gateway_core::config::{BusyInput, Compression, Config};
use serde_json::{Map, Value};

use super::error::Misplaced;
use super::format::Variables;
use super::time::length;

/// The settings of the gateway under which a script was recorded.
pub(super) fn read(grace: Millis, env: &Variables, config: &Map<String, Value>) -> Result<Config, Misplaced> {
    let mut settings = Config { orphan_grace: grace, ..Config::default() };
    for (name, value) in env {
        variable(&mut settings, name, value).map_err(|message| (format!("env.{name}"), message))?;
    }
    section(&mut settings, "", config)?;
    Ok(settings)
}

fn variable(settings: &mut Config, name: &str, value: &Value) -> Result<(), String> {
    match name {
        "HERMES_TUI_SESSION_TTL_S" => settings.session_ttl = seconds(value)?,
        "HERMES_TUI_WS_ORPHAN_REAP_GRACE_S" => settings.orphan_grace = seconds(value)?,
        _ => return Err("unknown environment variable of the gateway".to_owned()),
    }
    Ok(())
}

/// Flattens nested objects to dotted names: `display.busy_input_mode`.
fn section(settings: &mut Config, above: &str, config: &Map<String, Value>) -> Result<(), Misplaced> {
    for (key, value) in config {
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            Value::Object(inner) => section(settings, &name, inner)?,
            _ => setting(settings, &name, value).map_err(|message| (format!("config.{name}"), message))?,
        }
    }
    Ok(())
}

fn setting(settings: &mut Config, name: &str, value: &Value) -> Result<(), String> {
    match (name, value) {
        ("display.busy_input_mode", Value::String(mode)) => {
            settings.busy_input_mode =
                serde_json::from_value::<BusyInput>(value.clone()).map_err(|_| format!("unknown mode: `{mode}`"))?;
        }
        ("compression.in_place", Value::Bool(in_place)) => {
            settings.compression = if *in_place { Compression::InPlace } else { Compression::Rotate };
        }
        ("max_live_sessions" | "dashboard.max_live_sessions" | "sessions.max_live_sessions", Value::Number(number)) => {
            let most = number.as_u64().and_then(|number| u32::try_from(number).ok());
            settings.max_live_sessions = Some(most.ok_or_else(|| format!("not a number of sessions: {number}"))?);
        }
        _ => return Err(format!("unknown setting of the gateway: {value}")),
    }
    Ok(())
}

fn seconds(value: &Value) -> Result<Millis, String> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    seconds.map_or_else(|| Err(format!("not a number of seconds: {value}")), length)
}

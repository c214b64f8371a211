//! The step `seed`: a row that the database has before the gateway starts.

use gateway_core::clock::Millis;
use gateway_core::store::{EndReason, Role};
use serde_json::Value;

use super::error::Misplaced;
use super::keys::Keys;
use sim_scenario::{InitialEnd, InitialMessage, InitialSession};

/// The reasons that a row of another process may have.
const REASONS: [EndReason; 11] = [
    EndReason::TuiClose,
    EndReason::TuiShutdown,
    EndReason::WsOrphanReap,
    EndReason::WsDisconnect,
    EndReason::IdleTimeout,
    EndReason::LruEvict,
    EndReason::AgentClose,
    EndReason::StartupOrphanReap,
    EndReason::Compression,
    EndReason::NewSession,
    EndReason::CliClose,
];

/// Reads the keys of the step: `as`, and maybe `source`, `title`, `parent`, `messages` and `end_reason`.
///
/// The parent is given by its name, and the row has no id yet.
pub(super) fn read(keys: &mut Keys) -> Result<InitialSession, Misplaced> {
    let name = keys.needed("as")?;
    let source = keys.text("source")?.unwrap_or_else(|| "tui".to_owned());
    let (title, parent) = (keys.text("title")?, keys.text("parent")?);
    let messages = keys.list("messages")?.unwrap_or_default();
    let messages = messages.iter().enumerate().map(|(index, value)| {
        message(index, value).ok_or_else(|| {
            keys.error_at(
                &format!("messages[{index}]"),
                format!("a text or a `role` and `content` is expected: {value}"),
            )
        })
    });
    let messages = messages.collect::<Result<_, _>>()?;
    let end = match keys.text("end_reason")? {
        None => None,
        Some(word) => {
            let known = REASONS.into_iter().find(|reason| reason.as_str() == word);
            Some(known.ok_or_else(|| keys.error_at("end_reason", format!("unknown reason: `{word}`")))?)
        }
    };
    let end = end.map(|reason| InitialEnd { ago: Millis::ZERO, reason: reason.as_str().to_owned() });
    let started = Millis::ZERO;
    Ok(InitialSession { name: Some(name), source, title, parent, messages, end, started, ..InitialSession::new("") })
}

/// A message with its role, or a text of user and assistant in turn.
fn message(index: usize, value: &Value) -> Option<InitialMessage> {
    if let Some(text) = value.as_str() {
        let role = if index.is_multiple_of(2) { Role::User } else { Role::Assistant };
        return Some(InitialMessage::text(role, text));
    }
    let role = serde_json::from_value(value.get("role")?.clone()).ok()?;
    let text = value.get("content").or_else(|| value.get("text"))?.as_str()?;
    Some(InitialMessage::text(role, text))
}

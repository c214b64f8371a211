//! The steps of a turn: from the flat JSON object to a step of the turn language.

use gateway_core::agent::CompressionMode;
use gateway_core::agent::script::{OnInterrupt, TurnScript, TurnStep};
use serde_json::Value;

use super::error::Misplaced;
use super::keys::Keys;

/// Reads the script `name` of a turn.
///
/// # Errors
/// When it has a step that no turn has, with its place.
pub(super) fn read(name: &str, steps: Vec<Value>) -> Result<TurnScript, Misplaced> {
    let steps = steps.into_iter().enumerate().map(|(index, value)| step(format!("scripts.{name}[{index}]"), value));
    Ok(TurnScript { steps: steps.collect::<Result<_, _>>()? })
}

fn step(place: String, value: Value) -> Result<TurnStep, Misplaced> {
    let mut keys = Keys::of(place, value)?;
    let word = keys.word()?;
    let takes = keys.length("s")?;
    let needed = || takes.ok_or("needs `s`");
    let step = match word.as_str() {
        "tool" => TurnStep::Tool {
            name: keys.text("name")?.unwrap_or_else(|| "terminal".to_owned()),
            takes: needed().map_err(|message| keys.error(message))?,
            interrupt: match keys.flag("interruptible")? {
                Some(false) => OnInterrupt::SitThrough,
                Some(true) | None => OnInterrupt::Stop,
            },
        },
        "sleep" => TurnStep::Sleep { takes: needed().map_err(|message| keys.error(message))? },
        "say" => TurnStep::Say { text: keys.needed("text")? },
        "flush" => TurnStep::Flush,
        "compress" => TurnStep::Compress { mode: mode(&mut keys)?, takes: takes.unwrap_or_default() },
        "error" => {
            let text = keys.text("text")?.or(keys.text("message")?);
            TurnStep::Error { message: text.unwrap_or_else(|| "scripted error".to_owned()) }
        }
        _ => return Err(keys.error("unknown step of a turn")),
    };
    keys.finish("unknown key of this step")?;
    Ok(step)
}

fn mode(keys: &mut Keys) -> Result<CompressionMode, Misplaced> {
    let Some(name) = keys.value("mode") else { return Ok(CompressionMode::Default) };
    let unknown = || format!("unknown mode: {name}; there are `rotate`, `in_place` and `default`");
    serde_json::from_value(name.clone()).map_err(|_| keys.error_at("mode", unknown()))
}

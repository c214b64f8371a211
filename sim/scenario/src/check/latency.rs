//! Ranges of durations: the lower bound must not exceed the upper bound, nor that the longest latency.

use std::ops::Range;

use gateway_core::clock::Millis;

use crate::error::{ScenarioError, Source};
use crate::placed::Spanned;
use crate::settings::Latency;

/// The longest latency. A run waits a day for what is under way at the end of its script.
const LONGEST: Millis = Millis::from_secs(3600);

pub(super) fn latency(source: &Source<'_>, latency: Option<&Spanned<Latency>>) -> Result<Latency, ScenarioError> {
    let Some(latency) = latency else { return Ok(Latency::default()) };
    let Latency { min, max } = *latency.get_ref();
    if min > max {
        let message = format!("latency from `{}` to `{}`", String::from(min), String::from(max));
        return Err(source.error(latency.span(), message).with_help("the shorter bound comes first"));
    }
    not_too_long(source, latency.span(), max)?;
    Ok(Latency { min, max })
}

/// Refuses a latency above [`LONGEST`].
pub(super) fn not_too_long(source: &Source<'_>, place: Range<usize>, latency: Millis) -> Result<(), ScenarioError> {
    if latency <= LONGEST {
        return Ok(());
    }
    let message = format!("a latency of `{}`, which is longer than `{}`", String::from(latency), String::from(LONGEST));
    Err(source.error(place, message).with_help("a client that is away for longer has a step `drop`, `vanish` or `cut`"))
}

//! Ranges of durations: the lower bound must not exceed the upper bound.

use toml::Spanned;

use crate::error::{ScenarioError, Source};
use crate::settings::Latency;

pub(super) fn latency(source: &Source<'_>, latency: Option<&Spanned<Latency>>) -> Result<Latency, ScenarioError> {
    let Some(latency) = latency else { return Ok(Latency::default()) };
    let Latency { min, max } = *latency.get_ref();
    if min > max {
        let message = format!("latency from `{}` to `{}`", String::from(min), String::from(max));
        return Err(source.error(latency.span(), message).with_help("the shorter bound comes first"));
    }
    Ok(Latency { min, max })
}

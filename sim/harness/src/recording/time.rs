//! Conversion of a recording's times, which are in seconds.

use gateway_core::clock::Millis;

/// Seconds as milliseconds, rounded; none for a value that is negative, infinite or not below 10⁹.
pub(super) fn millis(seconds: f64) -> Option<Millis> {
    let is_length = seconds.is_finite() && (0.0..1e9).contains(&seconds);
    is_length.then(|| Millis((seconds * 1000.0).round() as u64))
}

//! Conversion of a recording's times, which are in seconds.

use gateway_core::clock::Millis;

/// The longest time in a recording: one day, in seconds. The longest real one takes a minute, and a time that is
/// multiplied on import must still fit into a scenario file.
const LONGEST: f64 = 86_400.0;

/// A length of time in seconds, as milliseconds, rounded.
///
/// # Errors
/// When it is negative or longer than a day.
pub(super) fn length(seconds: f64) -> Result<Millis, String> {
    match (0.0..=LONGEST).contains(&seconds) {
        true => Ok(Millis((seconds * 1000.0).round() as u64)),
        false => Err(format!("not a number of seconds from 0 to {LONGEST}: {seconds}")),
    }
}

/// Checks seconds before or after the zero of a script.
///
/// # Errors
/// When they are more than a day.
pub(super) fn check(seconds: f64) -> Result<(), String> {
    match (-LONGEST..=LONGEST).contains(&seconds) {
        true => Ok(()),
        false => Err(format!("not a number of seconds from -{LONGEST} to {LONGEST}: {seconds}")),
    }
}

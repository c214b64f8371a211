//! Time as the gateway sees it: one reading gives uptime and wall time together.
//!
//! Deadlines use [`Uptime`], which never goes back; rows use [`Wall`], which may jump.

use std::fmt;
use std::ops::{Add, Sub};

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

/// The machine's clock, or a simulated one.
pub trait Clock {
    /// Reads both axes at once. A handler reads the clock once and passes `now` down.
    fn now(&self) -> Now;

    /// Completes at the first instant at which uptime is at least `deadline`; at once if it already is.
    ///
    /// Cancel safe: dropping the future disarms the timer.
    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()>;

    /// The same for a wall time: a machine that was asleep over `deadline` completes it when it wakes.
    ///
    /// Cancel safe.
    fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()>;
}

/// One reading of a [`Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since the start, for deadlines.
    pub uptime: Uptime,
    /// Time of day, for rows.
    pub wall: Wall,
}

/// Milliseconds since the process (or the simulation) started. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uptime(pub u64);

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub u64);

/// A length of time in whole milliseconds, the grain of tokio's clock.
///
/// Written as text: `"20s"`, `"1m 30s"`, `"250ms"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^\s*([0-9][0-9.]*\s*[A-Za-zµ]*\s*)+$")))]
pub struct Millis(pub u64);

impl Millis {
    /// No time. As a setting it switches a timer off.
    pub const ZERO: Self = Self(0);

    /// A length given in seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// This length `factor` times.
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0 * factor)
    }
}

impl Add<Millis> for Uptime {
    type Output = Self;

    fn add(self, length: Millis) -> Self {
        Self(self.0 + length.0)
    }
}

impl Sub for Uptime {
    type Output = Millis;

    /// The time from `earlier` to here; zero when `earlier` is later.
    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for Wall {
    type Output = Self;

    fn add(self, length: Millis) -> Self {
        Self(self.0 + length.0)
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Wall {
    /// As the database keeps it: seconds with a fraction.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Back from the database's seconds, to the nearest millisecond.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as u64)
    }
}

impl TryFrom<String> for Millis {
    type Error = BadLength;

    fn try_from(text: String) -> Result<Self, BadLength> {
        if text.trim_start().starts_with('-') {
            return Err(BadLength::Negative { text });
        }
        let Ok(length) = humantime::parse_duration(&text) else {
            return Err(BadLength::Unreadable { text });
        };
        if !length.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(BadLength::TooFine { text });
        }
        // A century: far beyond any scenario, and small enough that sums of lengths cannot overflow.
        if length.as_secs() > 100 * 366 * 86_400 {
            return Err(BadLength::TooLong { text });
        }
        Ok(Self(length.as_millis() as u64))
    }
}

impl From<Millis> for String {
    fn from(length: Millis) -> Self {
        humantime::format_duration(std::time::Duration::from_millis(length.0)).to_string()
    }
}

/// Seconds with three decimals: `46.000s`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Millis(self.0).fmt(f)
    }
}

/// A text that is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLength {
    /// Starts with a minus sign.
    #[error("negative time `{text}`, expected a length such as `0s`, `250ms` or `1m 30s`")]
    Negative {
        /// The text that was found.
        text: String,
    },
    /// No number with a unit.
    #[error("not a time: `{text}`, expected a length such as `0s`, `250ms` or `1m 30s`")]
    Unreadable {
        /// The text that was found.
        text: String,
    },
    /// Finer than a millisecond.
    #[error("time `{text}` is finer than a millisecond, the grain of the clock")]
    TooFine {
        /// The text that was found.
        text: String,
    },
    /// Longer than a century.
    #[error("time `{text}` is longer than a century")]
    TooLong {
        /// The text that was found.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths read back as written, and a text that is no length is refused with the reason.
    #[test]
    fn lengths_are_whole_milliseconds() {
        let read = |text: &str| Millis::try_from(text.to_owned()).map_err(|error| error.to_string());
        assert_eq!(read("1m 30s"), Ok(Millis(90_000)));
        assert_eq!(read("250ms"), Ok(Millis(250)));
        assert!(read("-3s").unwrap_err().starts_with("negative time"));
        assert!(read("soon").unwrap_err().starts_with("not a time"));
        assert!(read("300us").unwrap_err().contains("finer than a millisecond"));
        assert!(read("9000000000s").unwrap_err().contains("century"));
        assert_eq!(String::from(Millis(90_250)), "1m 30s 250ms");
        assert_eq!(Millis(46_000).to_string(), "46.000s");
    }

    /// A row's seconds lose no millisecond on the way to the database and back.
    #[test]
    fn wall_time_survives_the_database() {
        for ms in [0, 1, 999, 1_767_225_600_123, 4_102_444_800_999] {
            assert_eq!(Wall::from_seconds(Wall(ms).as_seconds()), Wall(ms));
        }
    }
}

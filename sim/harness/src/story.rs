//! The parts of a file that had no effect in a run: a skipped step, a fault that no call met, a window that nothing passed.
//!
//! A run that skips a part plays another story than its file tells. `verdict` makes that a failure of its own, unless the
//! file says `may_skip = true`.

use std::fmt;

use gateway_core::clock::Uptime;
use serde::Serialize;
use sim_scenario::OnSkip;

/// A part of a file that had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The line of the step in its file; none for a fault and a window, which are named by their keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The uptime of the skip in milliseconds; none for what was absent in the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// The word of the step, or the keys of the fault or the window.
    pub part: String,
    /// Why it had no effect.
    pub why: String,
    /// Whether the file allows it.
    #[serde(rename = "may_skip", serialize_with = "as_flag")]
    pub on_skip: OnSkip,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_flag<S: serde::Serializer>(on_skip: &OnSkip, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*on_skip == OnSkip::Allowed)
}

impl Skipped {
    /// Whether both are the same part of a file.
    pub fn is_same_part(&self, other: &Self) -> bool {
        self.line == other.line && self.part == other.part
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}", self.part)?;
        if let Some(at) = self.at_ms {
            write!(f, " at {}", Uptime(at))?;
        }
        write!(f, ": {}", self.why)
    }
}

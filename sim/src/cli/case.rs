//! A run as the commands print it.

use std::rc::Rc;

use sim_harness::verdict::Verdict;
use sim_scenario::{Found, Scenario};

/// A run, with the commands that a report of the run prints.
pub(super) struct Case {
    pub(super) found: Found,
    pub(super) scenario: Rc<Scenario>,
    pub(super) verdict: Verdict,
    /// The command that repeats the run.
    pub(super) again: &'static str,
    /// The flags that plant the bugs again, each preceded by a blank.
    pub(super) plants: String,
    /// The flags of the schedule, each preceded by a blank.
    pub(super) flags: String,
}

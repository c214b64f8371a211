//! The parts of a claim, what it may read, and what it reports.

pub(crate) mod bound;
mod case;
mod changed;
mod end;
pub(crate) mod endless;
mod life;
mod renamed;
pub(crate) mod room;
mod view;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::state::Session;
use gateway_core::store::SessionRow;
use serde::Serialize;
use sim_scenario::Scenario;

pub use crate::world::cases::{Count, Excuse};
pub(crate) use case::{Breach, Case, Cases, TURNS, Tally, turn_place};
pub(crate) use changed::{Changes, Places};
pub(crate) use end::End;
pub(crate) use life::Lives;
pub(crate) use renamed::RENAMED;
pub(crate) use view::{Clients, ProcessState, StoreState, View, turns};

use crate::rows::RowSet;

/// A named claim about every run.
pub struct Invariant {
    /// The name, which is also the name of its file and what `violates` of a scenario file takes.
    pub name: &'static str,
    /// The claim in one sentence, which reports print.
    pub about: &'static str,
    pub(crate) claim: Claim,
}

/// When a claim is judged, and the function that judges it. Every case is counted.
pub(crate) enum Claim {
    /// Judged after each event of the run.
    Each(fn(&View<'_>, &mut Cases<'_>)),
    /// Returns the conditions that hold after an event. Each may hold for a limited time only, and is a case.
    Within {
        /// The longest time under the settings of the scenario, without what a slow or failing store adds. Computed
        /// once for each process with other settings, and passed to `begun`.
        bound: fn(&Scenario) -> Millis,
        begun: fn(&View<'_>, Millis) -> Vec<Condition>,
    },
    /// As `Within`, for conditions of a session that is live. They end with it, and may change only with what is known of it:
    /// `begun` is called for sessions of which something has changed.
    OfSession { bound: fn(&Scenario) -> Millis, begun: fn(&View<'_>, &Session, Millis) -> Vec<Condition> },
    /// As `OfSession`, for a promise as that of `WithinOf`.
    OfSessionOf {
        bound: fn(&Scenario) -> Millis,
        begun: fn(&View<'_>, &Session, Millis) -> Vec<Condition>,
        cases: fn(&View<'_>) -> usize,
    },
    /// As `OfSession`, for the condition of a row.
    OfRow { bound: fn(&Scenario) -> Millis, begun: fn(&View<'_>, &SessionRow, Millis) -> Option<Condition> },
    /// As `OfRow`, for a promise as that of `WithinOf`.
    OfRowOf {
        bound: fn(&Scenario) -> Millis,
        begun: fn(&View<'_>, &SessionRow, Millis) -> Option<Condition>,
        cases: fn(&View<'_>) -> usize,
    },
    /// As `Within`, for a promise that is mostly kept at once, so that its condition seldom begins.
    WithinOf {
        bound: fn(&Scenario) -> Millis,
        begun: fn(&View<'_>, Millis) -> Vec<Condition>,
        /// How often something was promised so far.
        cases: fn(&View<'_>) -> usize,
    },
    /// Judged whenever a client has received a frame.
    Frames(fn(&View<'_>, &mut Cases<'_>)),
    /// Judged once, at the end of the run, after the heal phase.
    Rest(fn(&View<'_>, &RowSet, &mut Cases<'_>)),
}

impl Invariant {
    /// When the claim is judged: `Always`, `Within`, `Received` or `AtRest`.
    pub const fn kind(&self) -> &'static str {
        match self.claim {
            Claim::Each(_) => "Always",
            Claim::Within { .. }
            | Claim::WithinOf { .. }
            | Claim::OfSession { .. }
            | Claim::OfSessionOf { .. }
            | Claim::OfRow { .. }
            | Claim::OfRowOf { .. } => "Within",
            Claim::Frames(_) => "Received",
            Claim::Rest(_) => "AtRest",
        }
    }
}

/// A condition that may hold for a limited time.
pub(crate) struct Condition {
    /// The session, row or client that it is about.
    pub(crate) subject: String,
    /// Two conditions with the same subject and era are one condition that still holds. Conditions that follow each
    /// other within one event have different eras.
    pub(crate) era: Uptime,
    /// How long it may hold.
    pub(crate) within: Millis,
    /// The violation's detail, from the subject and the instant at which the condition began.
    pub(crate) detail: fn(&str, Uptime) -> String,
}

/// A failed claim, as reports print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// When it failed, in milliseconds of uptime.
    pub at_ms: u64,
    /// What contradicts the claim, in one sentence without a full stop.
    pub detail: String,
}

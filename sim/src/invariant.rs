//! Claims about the gateway that hold in every run, whatever the schedule.
//!
//! One file per claim. A claim is judged while the run goes on; what is found is a [`Violation`].

mod clients_keep_their_sessions;
mod detached_rows_end;
mod ended_rows_stay_still;
mod ended_sessions_rest;
mod foreign_rows_stay_open;
mod grace_is_whole;
mod late_agents_are_let_go;
mod live_rows_stay_open;
mod memory_equals_rows;
mod messages_are_stored_once;
mod one_open_row_per_chain;
mod one_record_per_row;
mod one_turn_per_record;
mod oracle;
mod prompts_end_once;
mod reason_names_the_actor;
mod rotations_are_whole;
mod rows_match_mirror;
mod running_means_turn;
mod turns_outlive_their_clients;

use std::rc::Rc;

use gateway::clock::{Millis, Uptime};
use gateway::registry::Registry;
use gateway::session::Session;
use serde::Serialize;

pub(crate) use oracle::Oracle;

use crate::rows::Tables;
use crate::world::mirror::Mirror;
use crate::world::names::Names;

/// A named claim.
pub struct Invariant {
    /// Its name, which is the name of its file.
    pub name: &'static str,
    /// What it claims, in a sentence.
    pub about: &'static str,
    pub(crate) claim: Claim,
}

/// What kind of claim it is, and how it is judged.
pub(crate) enum Claim {
    /// Holds after each event.
    Always(fn(&View<'_>) -> Vec<Breach>),
    /// When its condition begins, it has so long to end.
    Within(fn(&View<'_>) -> Vec<Condition>),
    /// Holds at rest, after the heal phase.
    AtRest(fn(&View<'_>, &Tables) -> Vec<Breach>),
}

/// Every invariant, in the order in which they are judged.
pub const ALL: [&Invariant; 19] = [
    &detached_rows_end::INVARIANT,
    &foreign_rows_stay_open::INVARIANT,
    &grace_is_whole::INVARIANT,
    &clients_keep_their_sessions::INVARIANT,
    &live_rows_stay_open::INVARIANT,
    &one_open_row_per_chain::INVARIANT,
    &rotations_are_whole::INVARIANT,
    &one_record_per_row::INVARIANT,
    &one_turn_per_record::INVARIANT,
    &running_means_turn::INVARIANT,
    &ended_rows_stay_still::INVARIANT,
    &ended_sessions_rest::INVARIANT,
    &late_agents_are_let_go::INVARIANT,
    &prompts_end_once::INVARIANT,
    &reason_names_the_actor::INVARIANT,
    &turns_outlive_their_clients::INVARIANT,
    &memory_equals_rows::INVARIANT,
    &messages_are_stored_once::INVARIANT,
    &rows_match_mirror::INVARIANT,
];

/// A claim that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The claim.
    pub invariant: &'static str,
    /// When it was seen, in milliseconds of uptime.
    pub at_ms: u64,
    /// What was seen.
    pub detail: String,
}

/// What an invariant can see.
pub(crate) struct View<'a> {
    /// The orphan grace in force.
    pub(crate) grace: Millis,
    /// How long the store may take over the writes that end a session.
    pub(crate) slack: Millis,
    /// When the gateway's process started.
    pub(crate) up_since: Uptime,
    /// The live sessions; none while the gateway is down.
    pub(crate) sessions: Option<&'a Registry>,
    /// Every session that was ever seen, also those that are ended.
    pub(crate) known: &'a [Session],
    /// The labels of the gateway's tasks.
    pub(crate) tasks: &'a [Rc<str>],
    pub(crate) rows: &'a Mirror,
    pub(crate) names: &'a Names,
}

impl View<'_> {
    /// How many turns run for the record with this label.
    pub(crate) fn turns_of(&self, label: &str) -> usize {
        let of = |task: &Rc<str>| task.split('#').next().and_then(|task| task.strip_suffix("/turn")) == Some(label);
        self.tasks.iter().filter(|task| of(task)).count()
    }
}

/// Something that is wrong now.
pub(crate) struct Breach {
    /// Of what; one violation is reported for each.
    pub(crate) subject: String,
    pub(crate) detail: String,
}

/// Something that is not wrong yet.
pub(crate) struct Condition {
    /// Of what.
    pub(crate) subject: String,
    /// It is the same condition as long as subject and era are the same. Two that follow each other within one event,
    /// so that nobody sees the moment between them, differ in this.
    pub(crate) era: Uptime,
    /// How long it may last.
    pub(crate) within: Millis,
    /// What to say when it has lasted too long.
    pub(crate) detail: fn(&str, Uptime) -> String,
}

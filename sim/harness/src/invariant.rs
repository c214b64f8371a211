//! Claims about the gateway that hold in every run, on every schedule.
//!
//! One file for each claim, named after it. A claim is judged during the run, and a failed one is a [`Violation`].

mod accepted_input_is_stored;
mod acknowledged_messages_are_stored;
mod answers_reach_tool_results;
mod archived_messages_are_kept;
mod busy_sessions_have_a_turn;
mod close_on_disconnect_is_honored;
mod connected_sessions_are_not_evicted;
mod detached_rows_end;
mod end_reason_matches_actor;
mod ended_rows_are_immutable;
mod ended_sessions_are_silent;
mod failed_agent_builds_are_retried;
mod finished_turns_block_no_prompt;
mod finished_turns_store_a_reply;
mod foreign_rows_stay_open;
mod grace_is_not_cut_short;
mod idle_sessions_end;
mod interrupted_turns_emit_nothing;
mod interrupts_are_honored;
mod interrupts_have_a_cause;
mod job_notices_reach_their_session;
mod late_agents_are_discarded;
mod lists_are_sorted_by_activity;
mod lists_have_no_duplicates;
mod live_rows_stay_open;
mod memory_equals_rows;
mod messages_are_stored_once;
mod missed_events_are_replayed;
mod one_open_row_per_chain;
mod one_record_per_row;
mod one_turn_per_record;
mod open_questions_are_shown;
mod oracle;
mod own_sessions_are_not_limited;
mod prompts_are_accepted;
mod prompts_end_once;
mod queued_prompts_start;
mod renamed;
mod resumes_reach_the_tip;
mod resumes_report_their_row;
mod rotations_are_atomic;
mod rows_keep_their_source;
mod rows_match_mirror;
mod session_cap_is_enforced;
mod session_end_flushes_messages;
mod signals_end_rows;
mod stalled_clients_are_disconnected;
mod successful_requests_attach;
mod titles_are_set_only_on_request;
mod titles_are_stored;
mod truncating_prompts_apply_or_fail;
mod turns_outlive_their_clients;
mod unresponsive_turns_are_interrupted;

use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::ids::SessionId;
use gateway_core::state::{Registry, Session};
use serde::Serialize;

pub(crate) use oracle::Oracle;
use renamed::RENAMED;

use crate::rows::Tables;
use crate::task::AnyTask;
use crate::world::mirror::Mirror;
use crate::world::names::Names;
use crate::world::told::{News, Told};
use sim_scenario::InvariantNames;

/// A named claim.
pub struct Invariant {
    /// The name, which is also the name of its file and what `violates` of a scenario file takes.
    pub name: &'static str,
    /// The claim in one sentence, which reports print.
    pub about: &'static str,
    pub(crate) claim: Claim,
}

/// When a claim is judged, and the function that judges it.
pub(crate) enum Claim {
    /// Judged after each event of the run.
    Always(fn(&View<'_>) -> Vec<Breach>),
    /// Returns the conditions that hold after an event. Each may hold for a limited time only.
    Within(fn(&View<'_>) -> Vec<Condition>),
    /// Judged whenever a client has received a frame.
    Told(fn(&View<'_>) -> Vec<Breach>),
    /// Judged once, at the end of the run, after the heal phase.
    AtRest(fn(&View<'_>, &Tables) -> Vec<Breach>),
}

/// Every invariant, in the order in which they are judged.
pub const ALL: [&Invariant; 51] = [
    &detached_rows_end::INVARIANT,
    &foreign_rows_stay_open::INVARIANT,
    &grace_is_not_cut_short::INVARIANT,
    &connected_sessions_are_not_evicted::INVARIANT,
    &stalled_clients_are_disconnected::INVARIANT,
    &live_rows_stay_open::INVARIANT,
    &one_open_row_per_chain::INVARIANT,
    &rotations_are_atomic::INVARIANT,
    &one_record_per_row::INVARIANT,
    &one_turn_per_record::INVARIANT,
    &busy_sessions_have_a_turn::INVARIANT,
    &ended_rows_are_immutable::INVARIANT,
    &ended_sessions_are_silent::INVARIANT,
    &job_notices_reach_their_session::INVARIANT,
    &late_agents_are_discarded::INVARIANT,
    &prompts_end_once::INVARIANT,
    &end_reason_matches_actor::INVARIANT,
    &turns_outlive_their_clients::INVARIANT,
    &memory_equals_rows::INVARIANT,
    &messages_are_stored_once::INVARIANT,
    &archived_messages_are_kept::INVARIANT,
    &session_end_flushes_messages::INVARIANT,
    &acknowledged_messages_are_stored::INVARIANT,
    &finished_turns_store_a_reply::INVARIANT,
    &accepted_input_is_stored::INVARIANT,
    &answers_reach_tool_results::INVARIANT,
    &prompts_are_accepted::INVARIANT,
    &truncating_prompts_apply_or_fail::INVARIANT,
    &finished_turns_block_no_prompt::INVARIANT,
    &queued_prompts_start::INVARIANT,
    &interrupts_are_honored::INVARIANT,
    &interrupts_have_a_cause::INVARIANT,
    &interrupted_turns_emit_nothing::INVARIANT,
    &unresponsive_turns_are_interrupted::INVARIANT,
    &missed_events_are_replayed::INVARIANT,
    &open_questions_are_shown::INVARIANT,
    &resumes_reach_the_tip::INVARIANT,
    &resumes_report_their_row::INVARIANT,
    &own_sessions_are_not_limited::INVARIANT,
    &successful_requests_attach::INVARIANT,
    &titles_are_stored::INVARIANT,
    &titles_are_set_only_on_request::INVARIANT,
    &rows_keep_their_source::INVARIANT,
    &lists_are_sorted_by_activity::INVARIANT,
    &lists_have_no_duplicates::INVARIANT,
    &signals_end_rows::INVARIANT,
    &close_on_disconnect_is_honored::INVARIANT,
    &idle_sessions_end::INVARIANT,
    &session_cap_is_enforced::INVARIANT,
    &failed_agent_builds_are_retried::INVARIANT,
    &rows_match_mirror::INVARIANT,
];

/// The names of [`ALL`], and the earlier ones that scenario files may still hold.
pub const NAMES: InvariantNames = InvariantNames { known: &KNOWN, renamed: RENAMED, renamed_until: "0.2" };

const KNOWN: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut place = 0;
    while place < ALL.len() {
        names[place] = ALL[place].name;
        place += 1;
    }
    names
};

/// A claim that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// When it failed, in milliseconds of uptime.
    pub at_ms: u64,
    /// What contradicts the claim, in one sentence without a full stop.
    pub detail: String,
}

/// What an invariant can see.
pub(crate) struct View<'a> {
    pub(crate) now: Uptime,
    pub(crate) bounds: &'a Bounds,
    /// When the gateway's process started.
    pub(crate) up_since: Uptime,
    /// Whether the gateway is down because a signal has asked it to end.
    pub(crate) signalled: bool,
    /// Whether a process was killed in this run.
    pub(crate) was_killed: bool,
    /// The clients that take nothing though something waits for them, and since when.
    pub(crate) stalled: &'a [(Rc<str>, Uptime)],
    /// The registry; none while the gateway is down.
    pub(crate) sessions: Option<&'a Registry>,
    /// The live sessions, oldest first.
    pub(crate) live: &'a [Session],
    /// Every session that was ever seen, also those that are ended.
    pub(crate) known: &'a [Session],
    /// How many turns run, by the label of their record.
    pub(crate) turns: &'a BTreeMap<&'a str, usize>,
    pub(crate) rows: &'a Mirror,
    pub(crate) names: &'a Names,
    /// What clients were told in the whole run.
    pub(crate) told: &'a Told,
    /// What they were told at this moment; only a `Told` claim sees any.
    pub(crate) news: &'a [News],
}

/// What a scenario says about times and numbers that a claim depends on.
#[derive(Default)]
pub(crate) struct Bounds {
    /// The orphan grace in force.
    pub(crate) grace: Millis,
    /// How long the store may take over the writes that end a session.
    pub(crate) slack: Millis,
    /// How often the store has failed so far. What it owes then is a matter of its own: messages may be stored late, and
    /// the last ones of a session not at all.
    pub(crate) strikes: u64,
    /// When it has failed last.
    pub(crate) struck_at: Option<Uptime>,
    /// How long a frame may be on its way.
    pub(crate) frame: Millis,
    /// How long a turn may go on with a tool that cannot be interrupted.
    pub(crate) stubborn: Millis,
    /// How long a client may take nothing of what is sent to it.
    pub(crate) write_timeout: Millis,
    /// How long the agent of a session without a client may report nothing.
    pub(crate) silence: Millis,
    /// How long a session without a client may be idle.
    pub(crate) ttl: Millis,
    /// How many live sessions there may be, if that is limited.
    pub(crate) cap: Option<usize>,
    /// How long an agent may take to be there after its session was taken up.
    pub(crate) build: Millis,
    /// How many agents cannot be built.
    pub(crate) failures: u64,
    /// How many clients there are.
    pub(crate) clients: usize,
}

/// The turns among the gateway's tasks, counted by the label of their record.
pub(crate) fn turns(tasks: &[AnyTask]) -> BTreeMap<&str, usize> {
    let mut turns = BTreeMap::new();
    for label in tasks.iter().filter(|task| task.tag.role.is_turn()).filter_map(|task| task.tag.owner.as_deref()) {
        *turns.entry(label).or_default() += 1;
    }
    turns
}

impl View<'_> {
    /// Whether a turn runs for the record with this label.
    pub(crate) fn has_turn(&self, label: &str) -> bool {
        self.turns.contains_key(label)
    }

    /// What the session with this runtime id is called.
    pub(crate) fn label(&self, id: &str) -> String {
        self.names.label(&SessionId::from(id))
    }

    /// The live session with this runtime id.
    pub(crate) fn find(&self, id: &str) -> Option<&Session> {
        self.live.iter().find(|session| session.id().as_str() == id)
    }
}

/// A failed claim.
pub(crate) struct Breach {
    /// The session, row or client that it is about. One violation is reported for each.
    pub(crate) subject: String,
    pub(crate) detail: String,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use sim_scenario::Word;

    use super::*;

    /// A claim stands in the file of its name, and every file with a claim is in the list.
    #[test]
    fn each_file_is_an_invariant() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/invariant");
        let entries = fs::read_dir(folder).expect("the folder of invariants");
        let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
        let names = paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
        let files: BTreeSet<String> = names.filter(|name| name != "oracle" && name != "renamed").collect();
        assert_eq!(files, ALL.iter().map(|invariant| invariant.name.to_owned()).collect());
    }

    /// The table of steps names invariants that exist as those that check the gateway's duty under a fault.
    #[test]
    fn duties_are_checked_by_invariants() {
        for fault in Word::ALL.iter().filter_map(|word| word.entry().fault) {
            for name in fault.invariants {
                assert!(NAMES.known.contains(name), "`{name}` is no invariant: {}", fault.duty);
            }
        }
    }
}

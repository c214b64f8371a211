//! Claims about the gateway that hold in every run, whatever the schedule.
//!
//! One file per claim. A claim is judged while the run goes on; what is found is a [`Violation`].

mod accepted_words_are_said;
mod answered_clients_are_attached;
mod answers_are_read;
mod cap_is_kept;
mod clients_keep_their_sessions;
mod cuts_are_made_or_refused;
mod detached_rows_end;
mod ended_rows_stay_still;
mod ended_sessions_rest;
mod ended_turns_keep_nobody;
mod ends_are_said;
mod ends_store_what_is_left;
mod failed_builds_are_tried_again;
mod foreign_rows_stay_open;
mod grace_is_whole;
mod idle_sessions_end;
mod jobs_tell_their_session;
mod late_agents_are_let_go;
mod lists_begin_with_the_latest;
mod lists_name_a_row_once;
mod live_rows_stay_open;
mod memory_equals_rows;
mod messages_are_stored_once;
mod missed_events_are_told;
mod one_open_row_per_chain;
mod one_record_per_row;
mod one_turn_per_record;
mod open_questions_are_shown;
mod oracle;
mod own_sessions_need_no_room;
mod prompts_are_accepted;
mod prompts_end_once;
mod reason_names_the_actor;
mod resumes_end_at_the_tip;
mod resumes_name_their_row;
mod rotations_are_whole;
mod rows_match_mirror;
mod rows_name_their_kind;
mod running_means_turn;
mod sidecars_end_with_their_client;
mod signals_end_rows;
mod silent_turns_are_stopped;
mod stalled_clients_are_let_go;
mod stopped_turns_say_no_more;
mod titles_are_given_when_asked;
mod titles_are_stored;
mod told_is_stored;
mod turns_outlive_their_clients;
mod turns_stop_only_when_asked;
mod turns_stop_when_asked;
mod waiting_prompts_start;
mod what_is_put_aside_stays;

use std::collections::BTreeMap;
use std::rc::Rc;

use gateway::clock::{Millis, Uptime};
use gateway::registry::Registry;
use gateway::session::{Session, SessionId};
use serde::Serialize;

pub(crate) use oracle::Oracle;

use crate::rows::Tables;
use crate::world::mirror::Mirror;
use crate::world::names::Names;
use crate::world::told::{News, Told};

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
    /// Holds whenever a client was told something.
    Told(fn(&View<'_>) -> Vec<Breach>),
    /// Holds at rest, after the heal phase.
    AtRest(fn(&View<'_>, &Tables) -> Vec<Breach>),
}

/// Every invariant, in the order in which they are judged.
pub const ALL: [&Invariant; 51] = [
    &detached_rows_end::INVARIANT,
    &foreign_rows_stay_open::INVARIANT,
    &grace_is_whole::INVARIANT,
    &clients_keep_their_sessions::INVARIANT,
    &stalled_clients_are_let_go::INVARIANT,
    &live_rows_stay_open::INVARIANT,
    &one_open_row_per_chain::INVARIANT,
    &rotations_are_whole::INVARIANT,
    &one_record_per_row::INVARIANT,
    &one_turn_per_record::INVARIANT,
    &running_means_turn::INVARIANT,
    &ended_rows_stay_still::INVARIANT,
    &ended_sessions_rest::INVARIANT,
    &jobs_tell_their_session::INVARIANT,
    &late_agents_are_let_go::INVARIANT,
    &prompts_end_once::INVARIANT,
    &reason_names_the_actor::INVARIANT,
    &turns_outlive_their_clients::INVARIANT,
    &memory_equals_rows::INVARIANT,
    &messages_are_stored_once::INVARIANT,
    &what_is_put_aside_stays::INVARIANT,
    &ends_store_what_is_left::INVARIANT,
    &told_is_stored::INVARIANT,
    &ends_are_said::INVARIANT,
    &accepted_words_are_said::INVARIANT,
    &answers_are_read::INVARIANT,
    &prompts_are_accepted::INVARIANT,
    &cuts_are_made_or_refused::INVARIANT,
    &ended_turns_keep_nobody::INVARIANT,
    &waiting_prompts_start::INVARIANT,
    &turns_stop_when_asked::INVARIANT,
    &turns_stop_only_when_asked::INVARIANT,
    &stopped_turns_say_no_more::INVARIANT,
    &silent_turns_are_stopped::INVARIANT,
    &missed_events_are_told::INVARIANT,
    &open_questions_are_shown::INVARIANT,
    &resumes_end_at_the_tip::INVARIANT,
    &resumes_name_their_row::INVARIANT,
    &own_sessions_need_no_room::INVARIANT,
    &answered_clients_are_attached::INVARIANT,
    &titles_are_stored::INVARIANT,
    &titles_are_given_when_asked::INVARIANT,
    &rows_name_their_kind::INVARIANT,
    &lists_begin_with_the_latest::INVARIANT,
    &lists_name_a_row_once::INVARIANT,
    &signals_end_rows::INVARIANT,
    &sidecars_end_with_their_client::INVARIANT,
    &idle_sessions_end::INVARIANT,
    &cap_is_kept::INVARIANT,
    &failed_builds_are_tried_again::INVARIANT,
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
pub(crate) fn turns(tasks: &[Rc<str>]) -> BTreeMap<&str, usize> {
    let mut turns = BTreeMap::new();
    for label in tasks.iter().filter_map(|task| task.split('#').next()?.strip_suffix("/turn")) {
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

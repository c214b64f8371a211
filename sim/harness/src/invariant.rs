//! Claims about the gateway that hold in every run, on every schedule.
//!
//! One file for each claim, named after it. The types of a claim are in `claim`; the oracle judges the
//! claims during a run, and a failed one is a [`Violation`].

mod accepted_input_is_stored;
mod accepted_prompts_are_carried_out;
mod acknowledged_messages_are_stored;
mod answers_equal_the_state;
mod answers_reach_their_question;
mod answers_reach_tool_results;
mod archived_messages_are_kept;
mod attached_clients_know_the_state;
mod bounds_are_exact;
mod branches_are_atomic;
mod busy_sessions_have_a_turn;
mod call_ids_are_unique;
mod calls_have_results;
mod close_on_disconnect_is_honored;
mod compressions_are_completed;
mod connected_sessions_are_not_evicted;
mod consent_covers_one_request;
mod deleted_conversations_are_gone;
mod detached_rows_end;
mod end_reason_matches_actor;
mod ended_rows_are_immutable;
mod ended_sessions_are_silent;
mod event_numbers_have_no_gaps;
mod evictions_have_a_cause;
mod failed_agent_builds_are_retried;
mod finished_turns_block_no_prompt;
mod finished_turns_store_a_reply;
mod foreign_rows_stay_open;
mod grace_is_not_cut_short;
mod healthy_turns_are_not_stopped;
mod idle_sessions_end;
mod interrupted_turns_emit_nothing;
mod interrupts_are_honored;
mod interrupts_have_a_cause;
mod job_notices_reach_their_session;
mod keyed_requests_run_once;
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
mod own_sessions_are_not_limited;
mod power_losses_keep_commits;
mod prompts_are_accepted;
mod prompts_end_once;
mod queued_prompts_start;
mod requests_are_answered;
mod resolved_questions_are_closed;
mod results_follow_their_call;
mod resumes_reach_the_tip;
mod resumes_report_their_row;
mod rotations_are_atomic;
mod rows_keep_their_source;
mod rows_match_mirror;
mod session_cap_is_enforced;
mod session_end_flushes_messages;
mod sessions_keep_their_model;
mod short_locks_refuse_nothing;
mod signals_end_in_time;
mod signals_end_rows;
mod stalled_clients_are_disconnected;
mod successful_requests_attach;
mod swept_calls_have_results;
mod titles_are_set_only_on_request;
mod titles_are_stored;
mod transcripts_are_valid_for_providers;
mod truncating_prompts_apply_or_fail;
mod turns_outlive_their_clients;
mod turns_run_only_on_stored_prompts;
mod unresponsive_turns_are_interrupted;

use sim_scenario::InvariantNames;

use crate::claim::{Breach, Case, Cases, Claim, Condition, Excuse, RENAMED, View, bound, room};
pub use crate::claim::{Invariant, Violation};

/// Every invariant, in the order in which they are judged.
pub const ALL: [&Invariant; 76] = [
    &detached_rows_end::INVARIANT,
    &foreign_rows_stay_open::INVARIANT,
    &grace_is_not_cut_short::INVARIANT,
    &connected_sessions_are_not_evicted::INVARIANT,
    &stalled_clients_are_disconnected::INVARIANT,
    &live_rows_stay_open::INVARIANT,
    &one_open_row_per_chain::INVARIANT,
    &rotations_are_atomic::INVARIANT,
    &branches_are_atomic::INVARIANT,
    &one_record_per_row::INVARIANT,
    &one_turn_per_record::INVARIANT,
    &busy_sessions_have_a_turn::INVARIANT,
    &ended_rows_are_immutable::INVARIANT,
    &ended_sessions_are_silent::INVARIANT,
    &job_notices_reach_their_session::INVARIANT,
    &keyed_requests_run_once::INVARIANT,
    &late_agents_are_discarded::INVARIANT,
    &prompts_end_once::INVARIANT,
    &end_reason_matches_actor::INVARIANT,
    &turns_outlive_their_clients::INVARIANT,
    &turns_run_only_on_stored_prompts::INVARIANT,
    &healthy_turns_are_not_stopped::INVARIANT,
    &evictions_have_a_cause::INVARIANT,
    &memory_equals_rows::INVARIANT,
    &messages_are_stored_once::INVARIANT,
    &results_follow_their_call::INVARIANT,
    &call_ids_are_unique::INVARIANT,
    &calls_have_results::INVARIANT,
    &transcripts_are_valid_for_providers::INVARIANT,
    &archived_messages_are_kept::INVARIANT,
    &session_end_flushes_messages::INVARIANT,
    &acknowledged_messages_are_stored::INVARIANT,
    &finished_turns_store_a_reply::INVARIANT,
    &accepted_input_is_stored::INVARIANT,
    &accepted_prompts_are_carried_out::INVARIANT,
    &answers_reach_tool_results::INVARIANT,
    &answers_reach_their_question::INVARIANT,
    &consent_covers_one_request::INVARIANT,
    &power_losses_keep_commits::INVARIANT,
    &prompts_are_accepted::INVARIANT,
    &truncating_prompts_apply_or_fail::INVARIANT,
    &finished_turns_block_no_prompt::INVARIANT,
    &queued_prompts_start::INVARIANT,
    &interrupts_are_honored::INVARIANT,
    &interrupts_have_a_cause::INVARIANT,
    &interrupted_turns_emit_nothing::INVARIANT,
    &unresponsive_turns_are_interrupted::INVARIANT,
    &missed_events_are_replayed::INVARIANT,
    &event_numbers_have_no_gaps::INVARIANT,
    &open_questions_are_shown::INVARIANT,
    &resolved_questions_are_closed::INVARIANT,
    &attached_clients_know_the_state::INVARIANT,
    &resumes_reach_the_tip::INVARIANT,
    &resumes_report_their_row::INVARIANT,
    &own_sessions_are_not_limited::INVARIANT,
    &bounds_are_exact::INVARIANT,
    &requests_are_answered::INVARIANT,
    &answers_equal_the_state::INVARIANT,
    &successful_requests_attach::INVARIANT,
    &titles_are_stored::INVARIANT,
    &swept_calls_have_results::INVARIANT,
    &titles_are_set_only_on_request::INVARIANT,
    &rows_keep_their_source::INVARIANT,
    &sessions_keep_their_model::INVARIANT,
    &deleted_conversations_are_gone::INVARIANT,
    &lists_are_sorted_by_activity::INVARIANT,
    &lists_have_no_duplicates::INVARIANT,
    &short_locks_refuse_nothing::INVARIANT,
    &signals_end_rows::INVARIANT,
    &signals_end_in_time::INVARIANT,
    &close_on_disconnect_is_honored::INVARIANT,
    &compressions_are_completed::INVARIANT,
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
        let files: BTreeSet<String> = names.collect();
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

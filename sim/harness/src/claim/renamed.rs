//! Earlier names of invariants, as old scenario files have them.
//!
//! Scenario files and the command line accept them with a warning until version 0.2. Remove the table then.

/// The earlier name and the present one, sorted by the earlier one.
pub(crate) const RENAMED: &[(&str, &str)] = &[
    ("accepted_words_are_said", "accepted_input_is_stored"),
    ("answered_clients_are_attached", "successful_requests_attach"),
    ("answers_are_read", "answers_reach_tool_results"),
    ("cap_is_kept", "session_cap_is_enforced"),
    ("clients_keep_their_sessions", "connected_sessions_are_not_evicted"),
    ("cuts_are_made_or_refused", "truncating_prompts_apply_or_fail"),
    ("ended_rows_stay_still", "ended_rows_are_immutable"),
    ("ended_sessions_rest", "ended_sessions_are_silent"),
    ("ended_turns_keep_nobody", "finished_turns_block_no_prompt"),
    ("ends_are_said", "finished_turns_store_a_reply"),
    ("ends_store_what_is_left", "session_end_flushes_messages"),
    ("failed_builds_are_tried_again", "failed_agent_builds_are_retried"),
    ("grace_is_whole", "grace_is_not_cut_short"),
    ("jobs_tell_their_session", "job_notices_reach_their_session"),
    ("late_agents_are_let_go", "late_agents_are_discarded"),
    ("lists_begin_with_the_latest", "lists_are_sorted_by_activity"),
    ("lists_name_a_row_once", "lists_have_no_duplicates"),
    ("missed_events_are_told", "missed_events_are_replayed"),
    ("own_sessions_need_no_room", "own_sessions_are_not_limited"),
    ("reason_names_the_actor", "end_reason_matches_actor"),
    ("resumes_end_at_the_tip", "resumes_reach_the_tip"),
    ("resumes_name_their_row", "resumes_report_their_row"),
    ("rotations_are_whole", "rotations_are_atomic"),
    ("rows_name_their_kind", "rows_keep_their_source"),
    ("running_means_turn", "busy_sessions_have_a_turn"),
    ("sidecars_end_with_their_client", "close_on_disconnect_is_honored"),
    ("silent_turns_are_stopped", "unresponsive_turns_are_interrupted"),
    ("stalled_clients_are_let_go", "stalled_clients_are_disconnected"),
    ("stopped_turns_say_no_more", "interrupted_turns_emit_nothing"),
    ("titles_are_given_when_asked", "titles_are_set_only_on_request"),
    ("told_is_stored", "acknowledged_messages_are_stored"),
    ("turns_stop_only_when_asked", "interrupts_have_a_cause"),
    ("turns_stop_when_asked", "interrupts_are_honored"),
    ("waiting_prompts_start", "queued_prompts_start"),
    ("what_is_put_aside_stays", "archived_messages_are_kept"),
];

#[cfg(test)]
mod tests {
    use super::RENAMED;
    use crate::invariant::ALL;

    /// Each earlier name maps to an invariant, and no earlier name is also a present one.
    #[test]
    fn earlier_names_map_to_invariants() {
        let exists = |name: &str| ALL.iter().any(|invariant| invariant.name == name);
        for (old, new) in RENAMED {
            assert!(exists(new), "`{old}` maps to `{new}`, which is not an invariant");
            assert!(!exists(old), "`{old}` is both an earlier name and an invariant");
        }
        assert!(RENAMED.is_sorted_by(|before, after| before.0 < after.0));
    }
}

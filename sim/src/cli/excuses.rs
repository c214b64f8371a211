//! What a pass or a proof rests on: the claims that were excused.

use sim_harness::counts::{Count, Counts};

/// `3 claims excused: grace_is_not_cut_short (killed 2), ...`; none if no claim was excused.
pub(super) fn summary(counts: &Counts) -> Option<String> {
    let excused: Vec<String> = counts
        .iter()
        .filter(|(_, count)| count.excused() > 0)
        .map(|(claim, count)| format!("{claim} ({})", reasons(count)))
        .collect();
    let claims = if excused.len() == 1 { "1 claim".to_owned() } else { format!("{} claims", excused.len()) };
    (!excused.is_empty()).then(|| format!("{claims} excused: {}", excused.join(", ")))
}

/// `killed 12, row_deleted 3`
pub(super) fn reasons(count: &Count) -> String {
    let each: Vec<String> = count.reasons().map(|(excuse, count)| format!("{} {count}", excuse.word())).collect();
    each.join(", ")
}

/// `, grace.expiry = one_shot` for each planted field of the behaviour.
pub(super) fn plants(behavior: &[(String, String)]) -> String {
    behavior.iter().map(|(field, alternative)| format!(", {field} = {alternative}")).collect()
}

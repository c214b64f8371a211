//! The table of claims of a campaign: how often each was judged and excused, and which of them the campaign is blind to.

use serde_json::{Value, json};

use crate::cli::excuses::reasons;
use sim_search::fuzz::{Blind, Blindness, EXCUSED_MAX, JUDGED_MIN, Summary, blind, excused_share};

/// One line for each claim: judged, excused, share, reasons.
pub(super) fn print(summary: &Summary) {
    let blind = blind(&summary.counts, summary.runs);
    out!("\nclaims\n  {:>10} {:>9} {:>6}", "judged", "excused", "share");
    for (claim, count) in summary.counts.iter() {
        let share = excused_share(count);
        let share = if count.excused() == 0 { String::new() } else { format!("{}.{}%", share / 10, share % 10) };
        let excused = if count.excused() == 0 { String::new() } else { count.excused().to_string() };
        let note = blind.iter().find(|blind| blind.claim == claim).map(note).unwrap_or_default();
        let line = format!("  {:>10} {excused:>9} {share:>6}  {claim:<36} {}{note}", count.judged, reasons(count));
        out!("{}", line.trim_end());
    }
}

/// Whether the campaign is blind to a claim in a way that is not accepted.
pub(super) fn is_blind(summary: &Summary) -> bool {
    blind(&summary.counts, summary.runs).iter().any(|blind| blind.accepted.is_none())
}

fn note(blind: &Blind) -> String {
    match (blind.accepted, blind.blindness) {
        (Some(reason), _) => format!(" (accepted: {reason})"),
        (None, Blindness::Rare) => format!(" JUDGED FEWER THAN {JUDGED_MIN} TIMES"),
        (None, Blindness::Excused) => format!(" EXCUSED IN MORE THAN {EXCUSED_MAX} % OF ITS CASES"),
    }
}

/// The claims that the campaign is blind to, as JSON.
pub(super) fn listed(summary: &Summary) -> Value {
    json!(blind(&summary.counts, summary.runs))
}

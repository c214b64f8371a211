//! The marks of a campaign with their counts. A mark that the gateway under test cannot reach is none that was missed.

use gateway_core::behavior::Behavior;
use sim_harness::coverage::{Coverage, MARKS, Mark};

/// What a campaign says about a mark.
pub(super) enum Reached {
    /// It was reached this often.
    Times(u64),
    /// It was not reached, and should have been.
    Missed,
    /// The gateway cannot reach it, as it behaves so: `field = alternative`.
    Excluded(String),
}

/// Each mark, in the order of tables.
pub(super) fn all<'a>(
    coverage: &'a Coverage,
    behavior: &'a Behavior,
) -> impl Iterator<Item = (&'static Mark, Reached)> + 'a {
    MARKS.iter().map(|mark| {
        let reached = match (coverage.mark(mark.name), mark.excluded_by(behavior)) {
            (0, None) => Reached::Missed,
            (0, Some((field, alternative))) => Reached::Excluded(format!("{field} = {alternative}")),
            (times, _) => Reached::Times(times),
        };
        (mark, reached)
    })
}

/// One line of a table: the count, the name and the sentence of a mark.
pub(super) fn line(mark: &Mark, reached: &Reached) -> String {
    let Mark { name, about, .. } = mark;
    match reached {
        Reached::Times(times) => format!("{times:>8}  {name:<28} {about}"),
        Reached::Missed => format!("{:>8}  {name:<28} {about}", "MISSED"),
        Reached::Excluded(by) => format!("{:>8}  {name:<28} {about}: never with {by}", "-"),
    }
}

//! The tables hold what the committed writes add up to. A difference is a mistake in the SQL, or in the mirror.

use super::{Breach, Claim, Invariant, View};
use crate::rows::Tables;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rows_match_mirror",
    about: "at rest, the session rows are what the committed writes add up to",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, tables: &Tables) -> Vec<Breach> {
    let (expected, found) = (view.rows.rows(), &tables.sessions);
    let longest = expected.len().max(found.len());
    let differing = (0..longest).filter(|place| expected.get(*place) != found.get(*place));
    differing
        .map(|place| Breach {
            subject: format!("s{}", place + 1),
            detail: format!("expected {:?}, found {:?}", expected.get(place), found.get(place)),
        })
        .collect()
}

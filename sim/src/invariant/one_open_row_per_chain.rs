//! A rotated conversation has one open row at the most, its last, and the rows before it say `compression`
//! (I3 of spec §15): whoever lists the sessions sees one conversation, not two.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "one_open_row_per_chain",
    about: "a row that a compression continued is ended `compression`, so at most the last of a chain is open",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let continuing = view.rows.rows().iter().filter(|row| view.rows.continues(row));
    let continued = continuing.filter_map(|row| Some((row, view.rows.row(row.parent.as_ref()?)?)));
    let wrong = continued.filter(|(_, parent)| parent.end_reason.as_deref() != Some("compression"));
    wrong
        .map(|(child, parent)| {
            let (child, name) = (view.rows.alias(&child.id), view.rows.alias(&parent.id));
            let state = parent.end_reason.as_deref().map_or("open".to_owned(), |reason| format!("ended `{reason}`"));
            let detail = format!("row {name} is {state}, though {child} continues it");
            Breach { subject: name, detail }
        })
        .collect()
}

//! A rotated conversation has one open row at the most, its last, and the rows before it say `compression`, each
//! continued by one other (I3 of spec §15): whoever lists the sessions sees one conversation, not two.

use gateway::store::SessionRow;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "one_open_row_per_chain",
    about: "a row that a compression continued is ended `compression` and continued once, so at most the last of a chain is open",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.rows.rows().iter().filter_map(|parent| breach(view, parent)).collect()
}

fn breach(view: &View<'_>, parent: &SessionRow) -> Option<Breach> {
    let continues = |row: &&SessionRow| view.rows.continues(row) && row.parent.as_ref() == Some(&parent.id);
    let children = view.rows.rows().iter().filter(continues).map(|row| view.rows.alias(&row.id));
    let children: Vec<String> = children.collect();
    let (first, name) = (children.first()?, view.rows.alias(&parent.id));
    let detail = match parent.end_reason.as_deref() {
        Some("compression") if children.len() == 1 => return None,
        Some("compression") => format!("row {name} is continued by {}", children.join(" and ")),
        Some(reason) => format!("row {name} is ended `{reason}`, though {first} continues it"),
        None => format!("row {name} is open, though {first} continues it"),
    };
    Some(Breach { subject: name, detail })
}

//! A rotated conversation has at most one open row, its last. Each row before it is ended `compression` and continued by one
//! other (I3 of spec §15), so that a list of sessions shows one conversation, not two.

use gateway_core::store::SessionRow;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "one_open_row_per_chain",
    about: "a row that another continues is ended `compression` and continued once, so at most the last row of a chain is open",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for parent in view.changed_rows() {
        let is_child = |row: &&SessionRow| row.parent.as_ref() == Some(&parent.id) && view.rows.continues(row);
        let children: Vec<&SessionRow> = view.rows.rows().iter().filter(is_child).collect();
        if !children.is_empty() {
            cases.look(view.rows.place(&parent.id), case(view, parent, &children));
        }
    }
}

fn case(view: &View<'_>, parent: &SessionRow, children: &[&SessionRow]) -> Case {
    let reason = parent.end_reason.as_deref();
    if reason == Some("compression") && children.len() == 1 {
        return Case::Held;
    }
    let children: Vec<String> = children.iter().map(|row| view.rows.alias(&row.id)).collect();
    let (first, name) = (&children[0], view.rows.alias(&parent.id));
    let detail = match reason {
        Some("compression") => format!("row {name} is continued by {}", children.join(" and ")),
        Some(reason) => format!("row {name} is ended `{reason}`, though {first} continues it"),
        None => format!("row {name} is open, though {first} continues it"),
    };
    Case::failed(name, detail)
}

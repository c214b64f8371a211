//! A stored row gets a title only when a client sets one (B18 of the catalogue): a query changes nothing.
//!
//! A title that a session was created with comes with its row, or after a turn that has completed, as old releases store it.

use gateway_core::clock::Uptime;

use super::{Cases, Claim, Invariant, View};
use crate::world::agent_log::AgentTurn;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_set_only_on_request",
    about: "no write sets a title that no client asked for",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let (set, first) = (view.rows.title_attempts(), view.rows.first_titles());
    cases.so_far(set.len() + first.len());
    let log = view.clients.log;
    let unasked = set.iter().filter(|(_, title, at)| !log.asked_for_title(title) && !follows_a_turn(view, title, *at));
    let unasked = unasked.map(|(row, title, _)| (row, title));
    let first = first.iter().filter(|(_, title)| !log.asked_for_title(title) && !log.created_with_title(title));
    for (row, title) in unasked.chain(first.map(|(row, title)| (row, title))) {
        let row = view.rows.alias(row);
        let detail = format!("row {row} was to get the title {title:?}, which no client asked for");
        cases.fail(row, detail);
    }
}

/// Whether a session that was created with this title had just completed a turn. A session whose creation no client has seen may
/// have.
fn follows_a_turn(view: &View<'_>, title: &str, at: Uptime) -> bool {
    let (logs, turns) = (view.clients.log.sessions(), view.agents.turns());
    let mut created = logs.iter().filter(|(_, log)| log.first_title.as_deref() == Some(title)).peekable();
    if created.peek().is_none() {
        return view.clients.log.created_with_title(title);
    }
    let turns_of = |id: &str| turns.get(&view.label(id)).map_or(&[][..], Vec::as_slice);
    let is_just_over = |over: Uptime| over <= at && at <= over + view.slack();
    let completed = |turn: &AgentTurn| turn.stop.is_none() && turn.over.is_some_and(is_just_over);
    created.any(|(id, _)| turns_of(id).iter().any(completed))
}

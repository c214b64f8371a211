//! The conversation that an agent is given with a prompt is one that the protocols of Anthropic and OpenAI accept, and no
//! message of the assistant is stored that they refuse: after a kill, a failed or interrupted turn, a compression or a cut, the
//! next prompt reaches the model.
//!
//! The agents' own log has what they were given. The results of tools in the rows are judged by `results_follow_their_call`
//! and `calls_have_results`.

use super::{Cases, Claim, Invariant, View};
use crate::world::mirror::talk::Flaw;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "transcripts_are_valid_for_providers",
    about: "what an agent is given begins with the user, user and assistant alternate, each call has an id of its own and one result, and no message of the assistant is empty, nor is a stored one",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let (stored, _) = view.rows.judged();
    cases.so_far(view.agents.given() + stored);
    for (session, reason) in view.agents.refused().iter() {
        cases.fail(&**session, format!("the agent of session {session} was given a conversation with {reason}"));
    }
    for (row, flaw) in view.rows.flaws() {
        if *flaw == Flaw::Empty && view.rows.row(row).is_some() {
            let alias = view.rows.alias(row);
            cases.fail(&*alias, format!("row {alias} has {flaw}"));
        }
    }
}

//! A turn that goes on where it was cut off.
//!
//! The agent finds the turn in the conversation that it is given, as a model does: the last prompt that names a turn, and the
//! results of its tools that are there.

use std::collections::BTreeMap;

use super::{TurnScript, TurnStep, named};
use crate::store::{NewMessage, Role};

/// The prompt that asks for the rest of a turn.
pub const CONTINUE: &str = "continue";

/// The steps of the last turn of a conversation that come after its last call with a result. `request` ends with the prompt
/// [`CONTINUE`]. `None` if no prompt names a turn, for example after a compression.
pub(super) fn rest(turns: &BTreeMap<String, TurnScript>, request: &[NewMessage]) -> Option<Vec<TurnStep>> {
    let script_of = |message: &NewMessage| match message.role {
        Role::User => named(turns, message.content.as_deref().unwrap_or_default()),
        Role::Assistant | Role::Tool => None,
    };
    let (place, script) =
        request.iter().enumerate().rev().find_map(|(place, message)| Some((place, script_of(message)?)))?;
    let mut results = request[place..].iter().filter(|message| message.role == Role::Tool).count();
    let mut rest = 0;
    for (place, step) in script.steps.iter().enumerate() {
        let calls = calls(step);
        if calls > results {
            break;
        }
        if calls > 0 {
            results -= calls;
            rest = place + 1;
        }
    }
    Some(script.steps[rest..].to_vec())
}

/// How many calls a step makes.
fn calls(step: &TurnStep) -> usize {
    match step {
        TurnStep::Tool { .. } | TurnStep::Background { .. } | TurnStep::Ask { .. } => 1,
        TurnStep::Tools { calls } => calls.len(),
        TurnStep::Compress { .. }
        | TurnStep::Say { .. }
        | TurnStep::Sleep { .. }
        | TurnStep::Hang
        | TurnStep::Late { .. }
        | TurnStep::Flush
        | TurnStep::Error { .. }
        | TurnStep::Review { .. }
        | TurnStep::Reply { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::script::{OnInterrupt, ParallelTool};
    use crate::clock::{Millis, Wall};

    fn tool(name: &str) -> TurnStep {
        TurnStep::Tool { name: name.to_owned(), takes: Millis(1), interrupt: OnInterrupt::Stop }
    }

    /// A turn of a call, two calls at once, and another call, after so many results.
    #[track_caller]
    fn check(results: usize, expected: usize) {
        let both = ["b", "c"].map(|name| ParallelTool { name: name.to_owned(), takes: Millis(1) });
        let steps = vec![tool("a"), TurnStep::Flush, TurnStep::Tools { calls: both.to_vec() }, tool("d")];
        let turns = BTreeMap::from([("long".to_owned(), TurnScript { steps })]);
        let text = |role, text: &str| NewMessage::text(role, text, Wall(0));
        let mut request = vec![text(Role::User, "long")];
        request.extend((0..results).map(|_| text(Role::Tool, "ok")));
        request.push(text(Role::User, CONTINUE));
        assert_eq!(rest(&turns, &request).map(|rest| rest.len()), Some(expected), "{results} results");
    }

    #[test]
    fn a_turn_goes_on_after_its_last_result() {
        for (results, expected) in [(0, 4), (1, 3), (2, 3), (3, 1), (4, 0), (9, 0)] {
            check(results, expected);
        }
        assert_eq!(rest(&BTreeMap::new(), &[NewMessage::text(Role::User, CONTINUE, Wall(0))]), None);
    }
}

//! An agent that hangs does not keep a detached session for ever (hermes-agent#90373): a turn that has reported nothing for
//! `orphan_silence` is interrupted, and its session is ended as any other.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::{Attachment, Record, SessionStage};
use gateway_core::state::Session;
use sim_scenario::Scenario;

use super::{Claim, Condition, Invariant, View, bound};
use crate::world::agent_log::AgentTurn;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "unresponsive_turns_are_interrupted",
    about: "a turn of a detached session whose agent reports nothing for `orphan_silence`, or its tool for `orphan_tool_silence`, is over a grace later",
    claim: Claim::OfSession { bound: longest, begun },
};

fn longest(scenario: &Scenario) -> Millis {
    scenario.gateway.orphan_silence + scenario.gateway.orphan_grace + bound::stopping(scenario)
}

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    condition(view, session, bound).into_iter().collect()
}

fn condition(view: &View<'_>, session: &Session, bound: Millis) -> Option<Condition> {
    let settings = view.settings();
    if settings.orphan_grace == Millis::ZERO || settings.orphan_silence == Millis::ZERO {
        return None;
    }
    let within = bound + view.slack() + view.slack();
    let (turns, in_tool) = (view.agents.turns(), settings.longest_tool_silence());
    let runs_tool =
        |subject: &String| turns.get(subject).and_then(|turns| turns.last()).is_some_and(AgentTurn::runs_tool);
    let subject = view.names.label(session.id());
    let works_on = turns.get(&subject).and_then(|turns| turns.last()).filter(|turn| turn.over.is_none());
    let era = session.read(|record| silent_since(record, works_on))?;
    // That a busy session has no turn at all is another claim's.
    let works = view.has_turn(&subject) || session.read(is_held);
    // A tool that runs has a longer silence, or an endless one.
    let within = match runs_tool(&subject) {
        true if in_tool == Millis::ZERO => return None,
        true => within + Millis(in_tool.0 - settings.orphan_silence.0),
        false => within,
    };
    works.then_some(Condition { subject, era, within, detail })
}

/// Whether work without a prompt holds the session, such as a compression that a client asked for. It has no turn's task.
fn is_held(record: &Record) -> bool {
    record.turn.as_ref().is_some_and(|turn| turn.user.is_empty())
}

/// Since when its agent has reported nothing while no client was attached, by the agents' own log. A turn that still waits for
/// its agent, and work that is no turn, are silent from their beginning.
fn silent_since(record: &Record, works_on: Option<&AgentTurn>) -> Option<Uptime> {
    match (&record.attachment, &record.turn) {
        (Attachment::Detached { since, .. }, Some(turn)) if record.stage == SessionStage::Open => {
            let answered = works_on.and_then(|turn| turn.answers.last()).map(|answer| answer.at);
            let reported = works_on.map_or(turn.reported, |turn| turn.reported);
            Some(reported.max(*since).max(answered.unwrap_or_default()))
        }
        _ => None,
    }
}

fn detail(session: &str, since: Uptime) -> String {
    format!(
        "a turn of session {session} still runs, though since {since} its agent has reported nothing and no client is attached"
    )
}

//! Every accepted prompt ends once (I6 of spec §15): with an answer, an error or a cancellation. Prompts that an old release
//! merges into one turn end together.
//!
//! That no prompt has its turn twice is judged by the agents' own log and by what clients sent. How many prompts have ended is
//! what the gateway reports: one that is cancelled, merged or fails while no client is connected leaves no other trace.
//! `accepted_prompts_are_carried_out` judges those by the rows.

use std::collections::BTreeMap;

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::claim::endless::is_endless;
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "prompts_end_once",
    about: "at rest, every accepted prompt was answered, failed or cancelled exactly once, and none had two turns",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    for session in view.known {
        cases.add(repeated(view, session).unwrap_or_else(|| case(view, session)));
    }
}

/// The case of a session that has given agents a text more often than clients have sent it to its conversation.
fn repeated(view: &View<'_>, session: &Session) -> Option<Case> {
    let (logs, turns) = (view.clients.log.sessions(), view.agents.turns());
    let label = view.names.label(session.id());
    let turns = turns.get(&label).filter(|turns| turns.len() > 1)?;
    let stored = logs.get(session.id().as_str())?.stored.as_ref()?;
    let first = view.rows.first(stored);
    let is_its = |log: &&SessionLog| log.stored.as_ref().is_some_and(|row| view.rows.first(row) == first);
    let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
    turns.iter().for_each(|turn| *begun.entry(turn.prompt.as_str()).or_default() += 1);
    let requests = || logs.values().filter(is_its).flat_map(|log| &log.requests);
    let sent = |text: &str| requests().filter(|request| request.said() == text).count();
    let (text, times) = begun.into_iter().find(|(text, times)| *times > sent(text) && sent(text) > 0)?;
    let detail =
        format!("session {label} ran {times} turns for the prompt {text:?}, which was sent {} times", sent(text));
    (!view.agents.jobs().contains_key(text)).then(|| Case::failed(&*label, detail))
}

fn case(view: &View<'_>, session: &Session) -> Case {
    session.read(|record| {
        // Prompts of a killed process are judged by their rows.
        let alive = view.sessions.is_some_and(|sessions| sessions.contains(session));
        let (accepted, ended) = view.events.read(session.id(), |events| (events.accepted, events.ended));
        if accepted == 0 {
            return Case::NotConcerned;
        }
        if !alive && record.stage != SessionStage::Finalized {
            return Case::Excused(Excuse::Killed);
        }
        // A turn that nothing ends holds its prompt, and those that are queued behind it.
        let held = if alive && is_endless(view.scenario, record) { 1 + record.queue.len() as u64 } else { 0 };
        if accepted == ended + held {
            return if held > 0 { Case::Excused(Excuse::Endless) } else { Case::Held };
        }
        let session = view.names.label(session.id());
        // Lost and ended twice are two defects: the texts differ also without the numbers.
        let ends = if ended < accepted { format!("only {ended} ended") } else { format!("{ended} ends were reported") };
        let detail = format!("session {session} accepted {accepted} prompts, of which {ends}");
        Case::failed(session, detail)
    })
}

//! A queued prompt gets its turn as soon as the session is idle (S20 of the catalogue), not after some later turn.
//!
//! What waits is also taken from the rows: a prompt or a steer that the session has forgotten would wait there for the next resume.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::{Record, SessionStage};
use gateway_core::state::Session;
use gateway_core::store::{InputKind, NewInput};

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "queued_prompts_start",
    about: "no prompt or unread steer waits for more than a second while its session is open and idle",
    claim: Claim::OfSessionOf { bound: |_| CLAIM, begun, cases: |view| view.clients.log.counted().queued },
};

/// The longest time until the next turn begins, without its writes.
const CLAIM: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    let is_prompt = |input: &&NewInput| matches!(input.kind, InputKind::Prompt | InputKind::Steer);
    let waits = |record: &Record| {
        let mut stored = view.rows.inputs().iter().filter(is_prompt);
        !record.queue.is_empty() || stored.any(|input| record.owns(&input.session) && !is_unsaved(record, input))
    };
    if !session.read(|record| record.stage == SessionStage::Open && !record.is_running() && waits(record)) {
        return Vec::new();
    }
    let within = bound + view.slack() + view.bounds.queue;
    vec![Condition { subject: view.names.label(session.id()), era: Uptime::default(), within, detail }]
}

/// Whether a turn has read it, in a message that the store has refused: it is taken from the rows with that message.
fn is_unsaved(record: &Record, input: &NewInput) -> bool {
    let unsaved = record.transcript.messages.iter().skip(record.transcript.saved);
    unsaved.filter_map(|message| message.content.as_deref()).any(|content| content.contains(&input.text))
}

fn detail(session: &str, since: Uptime) -> String {
    format!("a prompt is queued in session {session}, though no turn runs there since {since}")
}

//! What every compression does in memory: the compacted messages, the child row of a rotation, and the switch to it.

use crate::entropy::Stream;
use crate::record::Transcript;
use crate::state::{Gateway, Session};
use crate::store::{NewMessage, NewSession, StoredId};

/// A new row that continues `parent` from now on.
pub(crate) fn child_of(gateway: &Gateway, session: &Session, parent: &StoredId) -> NewSession {
    let at = gateway.env.now().wall;
    NewSession {
        id: gateway.new_row(at, Stream::Session(session.id())),
        source: session.read(|record| {
            gateway.behavior.lineage.child_source(&record.details.source, &gateway.config.source).to_owned()
        }),
        model: Some(session.read(|record| record.model(&gateway.config.model).to_owned())),
        parent: Some(parent.clone()),
        branched_from: None,
        started_at: at,
        cwd: None,
        title: None,
    }
}

/// The session continues under `id` with the compacted messages.
pub(crate) fn switch(gateway: &Gateway, session: &Session, id: &StoredId, messages: Vec<NewMessage>, saved: Saved) {
    session.change(|record| {
        record.agent.row = id.clone();
        record.transcript = rewritten(&record.transcript, messages, saved);
    });
    if gateway.behavior.rotation.syncs_key_at_once() {
        gateway.approvals.follow_row(session);
    }
}

/// How much of a compacted conversation is stored.
#[derive(Clone, Copy)]
pub(crate) enum Saved {
    /// The whole of it, under a new id.
    All,
    /// The whole of it, in the row that the conversation had.
    InPlace,
    /// Nothing of it: the next flush stores it.
    Nothing,
}

/// The transcript after a compression.
pub(crate) fn rewritten(before: &Transcript, messages: Vec<NewMessage>, saved: Saved) -> Transcript {
    let all = messages.len();
    let (saved, loaded) = match saved {
        Saved::All => (all, 0),
        Saved::InPlace => (all, all),
        Saved::Nothing => (0, 0),
    };
    Transcript {
        messages,
        saved,
        loaded,
        history: 0,
        draft: 0,
        mistaken: 0,
        is_marked: false,
        version: before.version + 1,
    }
}

/// The summary and the last messages, which is all that a compression leaves.
pub(crate) fn compacted(gateway: &Gateway, transcript: &Transcript, summary: NewMessage) -> Vec<NewMessage> {
    let kept = gateway.behavior.rotation.kept(&transcript.messages);
    let last = &transcript.messages[transcript.messages.len() - kept..];
    std::iter::once(summary).chain(last.iter().cloned()).collect()
}

/// Whether a compression leaves the messages as they are, apart from their times.
pub(crate) fn is_unchanged(before: &[NewMessage], after: &[NewMessage]) -> bool {
    let same = |(before, after): (&NewMessage, &NewMessage)| {
        *before == NewMessage { timestamp: before.timestamp, ..after.clone() }
    };
    before.len() == after.len() && before.iter().zip(after).all(same)
}

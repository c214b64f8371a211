//! The events that the gateway reports of its sessions, as claims read them: facts that no record holds.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gateway_core::ids::SessionId;
use gateway_core::observe::{Access, EndBegan, Observer, Resource, SessionEvent};

use super::SimContext;
use crate::footprint::GatewayAccesses;

/// The reported events of a run, summed up by session. A session without events has the default summary.
#[derive(Default)]
pub(crate) struct SessionEvents {
    sessions: RefCell<BTreeMap<SessionId, SessionSummary>>,
    /// The sessions that had an event, or whose record may have changed, since the last `take_changed`.
    changed: RefCell<BTreeSet<SessionId>>,
    /// Whether the served connections may have changed since then.
    relinked: Cell<bool>,
}

/// The reported events of one session. See [`SessionEvent`] for the meaning of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionSummary {
    /// The number of prompts that were accepted.
    pub(crate) accepted: u64,
    /// The number of accepted prompts that have ended.
    pub(crate) ended: u64,
    /// Whether a prompt had to wait for a turn that was over.
    pub(crate) waited_for_finished_turn: bool,
    /// The owner of the background job that claimed the session last.
    pub(crate) job_owner: Option<SessionId>,
    /// Whether the orphan grace interrupted a turn.
    pub(crate) turn_given_up: bool,
    /// Whether an event was sent to a client after the session had left the registry.
    pub(crate) sent_after_removal: bool,
    /// Its end, once that has begun.
    pub(crate) end: Option<EndBegan>,
    /// Whether its agent was closed at its end.
    pub(crate) agent_closed: bool,
}

impl SessionEvents {
    /// Reads the summary of a session, up to now.
    pub(crate) fn read<T>(&self, session: &SessionId, read: impl FnOnce(&SessionSummary) -> T) -> T {
        match self.sessions.borrow().get(session) {
            Some(summary) => read(summary),
            None => read(&SessionSummary::default()),
        }
    }

    /// The end of a session, once it has begun.
    pub(crate) fn end(&self, session: &SessionId) -> Option<EndBegan> {
        self.read(session, |summary| summary.end)
    }

    /// The sessions that had an event, or whose record may have changed, since the last call; and whether the served connections may
    /// have changed.
    pub(crate) fn take_changed(&self) -> (BTreeSet<SessionId>, bool) {
        (self.changed.take(), self.relinked.take())
    }

    fn note_change(&self, session: &SessionId) {
        let mut changed = self.changed.borrow_mut();
        if !changed.contains(session) {
            changed.insert(session.clone());
        }
    }

    fn add(&self, session: &SessionId, event: SessionEvent<'_>) {
        self.note_change(session);
        let mut sessions = self.sessions.borrow_mut();
        let summary = sessions.entry(session.clone()).or_default();
        match event {
            SessionEvent::PromptsAccepted(count) => summary.accepted += count,
            SessionEvent::PromptsEnded(count) => summary.ended += count,
            SessionEvent::PromptWaitsForFinishedTurn => summary.waited_for_finished_turn = true,
            SessionEvent::JobTurnClaimed { owner } => summary.job_owner = Some(owner.clone()),
            SessionEvent::TurnGivenUp => summary.turn_given_up = true,
            // What is not stored the rows show.
            SessionEvent::MessagesGivenUp(_) => {}
            SessionEvent::EventAfterRemoval => summary.sent_after_removal = true,
            SessionEvent::EndBegan(end) => summary.end = Some(end),
            SessionEvent::Finalized { agent_closed } => summary.agent_closed = agent_closed,
        }
    }
}

/// The observer of a simulated gateway: accesses become footprints, events are summed up.
pub(crate) struct GatewayObserver {
    pub(crate) context: Rc<SimContext>,
    pub(crate) accesses: GatewayAccesses,
    pub(crate) events: Rc<SessionEvents>,
}

impl Observer for GatewayObserver {
    fn touch(&self, resource: Resource<'_>, access: Access) {
        match (resource, access) {
            (Resource::Record(session), Access::Write) => self.events.note_change(session),
            (Resource::Links, Access::Write) => self.events.relinked.set(true),
            _ => {}
        }
        self.accesses.touch(resource, access);
    }

    fn event(&self, session: &SessionId, event: SessionEvent<'_>) {
        self.events.add(session, event);
    }

    fn answered(&self, connection: &str, frame: &str) {
        self.context.check_answer(connection, frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts add up, facts stay, and each session has its own summary.
    #[test]
    fn events_are_summed_up_by_session() {
        let (events, [one, two]) = (SessionEvents::default(), [1, 2].map(SessionId::from_bits));
        events.add(&one, SessionEvent::PromptsAccepted(2));
        events.add(&one, SessionEvent::PromptsEnded(1));
        events.add(&one, SessionEvent::PromptsEnded(1));
        events.add(&one, SessionEvent::TurnGivenUp);
        let expected = SessionSummary { accepted: 2, ended: 2, turn_given_up: true, ..SessionSummary::default() };
        assert_eq!(events.read(&one, SessionSummary::clone), expected);
        assert_eq!(events.read(&two, SessionSummary::clone), SessionSummary::default());
    }
}

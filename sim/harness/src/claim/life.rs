//! When each session was live, and the end that its row got: seen by the simulator in the registry and in the committed writes.
//!
//! The actor that the gateway names for an end, and the time that it reports for it, are not used.

use gateway_core::clock::Uptime;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::View;
use crate::world::mirror::RowEnd;

/// The time of one session in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it was first seen there.
    pub(crate) from: Uptime,
    /// When it was first seen to be ending.
    pub(crate) ending: Option<Uptime>,
    /// When it was first missing there, or its process was down.
    pub(crate) until: Option<Uptime>,
    /// Whether its process was down then.
    is_cut: bool,
}

/// The end of a session.
pub(crate) struct End<'a> {
    /// When it was first seen to be ending.
    pub(crate) at: Uptime,
    /// The end of its row that was committed then or later; none as long as there is none.
    pub(crate) row: Option<&'a RowEnd>,
}

/// The lives of the sessions of a run, in the order of registration.
#[derive(Default)]
pub(crate) struct Lives {
    lives: Vec<Life>,
    /// The places of those that are not over.
    going_on: Vec<usize>,
}

impl Lives {
    /// Call after each change of sessions. `known` has all sessions of the run, `live` those that are in the registry.
    pub(crate) fn observe(&mut self, known: &[Session], live: &[Session], is_up: bool, now: Uptime) {
        for place in self.lives.len()..known.len() {
            self.lives.push(Life { from: now, ending: None, until: None, is_cut: false });
            self.going_on.push(place);
        }
        let lives = &mut self.lives;
        self.going_on.retain(|place| {
            let (life, session) = (&mut lives[*place], &known[*place]);
            let is_ending =
                || session.read(|record| matches!(record.stage, SessionStage::Closing | SessionStage::Finalized));
            if life.ending.is_none() && is_ending() {
                life.ending = Some(now);
            }
            if !live.iter().any(|live| live.is(session)) {
                (life.until, life.is_cut) = (Some(now), !is_up);
            }
            life.until.is_none()
        });
    }

    /// The life of each session.
    pub(crate) fn all(&self) -> &[Life] {
        &self.lives
    }
}

impl Life {
    /// Whether it was in the registry at an instant, its first and its last included.
    pub(crate) fn includes(&self, at: Uptime) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until)
    }
}

impl<'a> View<'a> {
    /// The end of a session, at this place of [`View::known`]; none as long as it has not begun.
    pub(crate) fn end_of(&self, place: usize, session: &Session) -> Option<End<'a>> {
        let life = self.lives.get(place)?;
        let at = life.ending?;
        let row = self.first_row(session).and_then(|first| {
            let later = self.rows.row_ends().iter().filter(|end| end.at >= at && !end.is_rotation());
            later.filter(|end| self.is_of(life, &first, end)).find(|end| self.rows.first(&end.row) == &first)
        });
        Some(End { at, row })
    }

    /// The first row of the conversation of a session, as far as clients know it.
    pub(crate) fn first_row(&self, session: &Session) -> Option<StoredId> {
        let logs = self.clients.log.sessions();
        let stored = logs.get(session.id().as_str())?.stored.as_ref()?;
        Some(self.rows.first(stored).clone())
    }

    /// Whether an end that a row got after a session had begun to end may be its end. Some releases take a session from the
    /// registry first. What comes after its process, or after another session of its conversation, is the end of another.
    fn is_of(&self, life: &Life, first: &StoredId, end: &RowEnd) -> bool {
        let Some(until) = life.until.filter(|until| end.at > *until) else { return true };
        let longest = self.slack() + self.slack() + self.store.delay_since(until);
        let is_between = |other: &Life| other.from > life.from && other.from <= end.at;
        let others = || self.known.iter().zip(self.lives).filter(|(_, other)| is_between(other));
        !life.is_cut
            && end.at <= until + longest
            && !others().any(|(session, _)| self.first_row(session).as_ref() == Some(first))
    }
}

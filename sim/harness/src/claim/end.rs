//! The ends of sessions: when each was seen to begin, and the end that its row got by a committed write.
//!
//! The actor that the gateway names for an end, and the time that it reports for it, are not used.

use gateway_core::clock::Uptime;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::life::Life;
use super::view::View;
use crate::world::mirror::RowEnd;

/// The end of a session.
pub(crate) struct End<'a> {
    /// When it was first seen to be ending.
    pub(crate) at: Uptime,
    /// The end of its row that was committed then or later; none as long as there is none.
    pub(crate) row: Option<&'a RowEnd>,
}

impl<'a> View<'a> {
    /// The end of a session, at this place of [`View::known`]; none as long as it has not begun.
    pub(crate) fn end_of(&self, place: usize, session: &Session) -> Option<End<'a>> {
        let life = self.lives.get(place)?;
        let at = life.ending?;
        let row = self.first_row(session).and_then(|first| {
            let own = self.rows.row_ends().get(life.ends_before..).unwrap_or_default();
            let later = own.iter().filter(|end| end.at >= at && !end.is_rotation());
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

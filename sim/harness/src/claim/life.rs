//! When each session was live, as the simulator has seen it in the registry.

use gateway_core::clock::Uptime;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;

/// The time of one session in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it was first seen there.
    pub(crate) from: Uptime,
    /// How many rows had been ended then: their ends are none of its own.
    pub(super) ends_before: usize,
    /// When it was first seen to be ending.
    pub(crate) ending: Option<Uptime>,
    /// When it was first missing there, or its process was down.
    pub(crate) until: Option<Uptime>,
    /// Whether its process was down then.
    pub(super) is_cut: bool,
}

/// The lives of the sessions of a run, in the order of registration.
#[derive(Default)]
pub(crate) struct Lives {
    lives: Vec<Life>,
    /// The places of those that are not over.
    going_on: Vec<usize>,
}

impl Lives {
    /// Call after each change of sessions. `known` has all sessions of the run, `live` those that are in the registry; `ends` is
    /// the number of rows that have been ended. Returns the places of the lives that are over now.
    pub(crate) fn observe(
        &mut self,
        known: &[Session],
        live: &[Session],
        is_up: bool,
        ends: usize,
        now: Uptime,
    ) -> Vec<usize> {
        let mut over = Vec::new();
        for place in self.lives.len()..known.len() {
            self.lives.push(Life { from: now, ends_before: ends, ending: None, until: None, is_cut: false });
            self.going_on.push(place);
        }
        let lives = &mut self.lives;
        // Both are in the order of registration.
        let mut live = live.iter().peekable();
        self.going_on.retain(|place| {
            let (life, session) = (&mut lives[*place], &known[*place]);
            let is_ending =
                || session.read(|record| matches!(record.stage, SessionStage::Closing | SessionStage::Finalized));
            if life.ending.is_none() && is_ending() {
                life.ending = Some(now);
            }
            if live.next_if(|live| live.is(session)).is_none() {
                (life.until, life.is_cut) = (Some(now), !is_up);
                over.push(*place);
            }
            life.until.is_none()
        });
        over
    }

    /// The places of the sessions that are live.
    pub(crate) fn going_on(&self) -> &[usize] {
        &self.going_on
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

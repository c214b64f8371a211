//! Which features a generated scenario uses: each is on or off for the whole of it.

use std::collections::BTreeSet;

use crate::prng::Prng;

/// Something a generated scenario may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// Connections that die.
    Drop,
    /// Connections that close in order.
    Leave,
    Resume,
    Activate,
    Close,
    Interrupt,
    Steer,
    Compress,
    Branch,
    Delete,
    Undo,
    /// Prompts that replace an earlier one.
    Cut,
    Title,
    Events,
    /// Requests that only look.
    Look,
    Answer,
    Kill,
    Signal,
    Suspend,
    ScanIdle,
    /// Sessions that start with what was said before.
    Draft,
    /// More than one client.
    Company,
    /// More than one session.
    Sessions,
    /// Turns that rotate.
    Rotation,
    /// Turns that ask.
    Question,
    /// Turns that raise.
    Error,
    /// Prompts to a session at work.
    Busy,
    /// Frames that take their time.
    SlowNetwork,
    /// A store that takes its time.
    SlowStore,
    /// Clients that take nothing of what is sent to them.
    SlowReader,
    /// Connections whose frames take longer than those of others.
    Lag,
    /// Clients that are gone without a word to the gateway, and connections that carry nothing for a while.
    HalfOpen,
    /// Requests that are sent again after a reconnect.
    Resend,
    /// Turns that never end by themselves.
    Hang,
    /// Answers that come though the turn was told to stop.
    LateAnswer,
    /// Wall time that jumps.
    SetClock,
    /// A store that fails.
    StoreFaults,
    /// Jobs and reviews in the background.
    Background,
    /// Agents that take their time, or cannot be built.
    SlowAgent,
    /// Race windows of old releases that stay open.
    Windows,
    /// Settings that are not the default.
    Settings,
}

use Feature::*;

/// The features that are on.
pub(super) struct Swarm(BTreeSet<Feature>);

/// In one of so many scenarios each feature is on.
const FEATURES: [(Feature, usize); 41] = [
    (Drop, 1),
    (Leave, 3),
    (Resume, 1),
    (Activate, 2),
    (Close, 2),
    (Interrupt, 3),
    (Steer, 5),
    (Compress, 4),
    (Branch, 6),
    (Delete, 6),
    (Undo, 6),
    (Cut, 6),
    (Title, 5),
    (Events, 4),
    (Look, 8),
    (Answer, 2),
    (Kill, 6),
    (Signal, 8),
    (Suspend, 8),
    (ScanIdle, 6),
    (Draft, 6),
    (Company, 2),
    (Sessions, 3),
    (Rotation, 2),
    (Question, 4),
    (Error, 5),
    (Busy, 2),
    (SlowNetwork, 4),
    (SlowStore, 3),
    (SlowReader, 8),
    (Lag, 8),
    (HalfOpen, 6),
    (Resend, 8),
    (Hang, 8),
    (LateAnswer, 8),
    (SetClock, 8),
    (StoreFaults, 5),
    (Background, 5),
    (SlowAgent, 4),
    (Windows, 3),
    (Settings, 3),
];

impl Swarm {
    pub(super) fn draw(prng: &mut Prng) -> Self {
        // Drop and resume are what the whole is about; they are off in one of four.
        let on = |prng: &mut Prng, one_in: usize| if one_in == 1 { prng.hits(3, 4) } else { prng.hits(1, one_in) };
        Self(FEATURES.into_iter().filter(|(_, one_in)| on(prng, *one_in)).map(|(feature, _)| feature).collect())
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.0.contains(&feature)
    }
}

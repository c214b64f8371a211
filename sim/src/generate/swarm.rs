//! Which features a generated scenario uses: each is on or off for the whole of it.

use std::collections::BTreeSet;

use super::script::{STORIES, Story};
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
    /// As many sessions as there may be, and more.
    Crowd,
    /// Another program that goes on with a session.
    Elsewhere,
    /// Connections that may have one or two sessions.
    Full,
}

use Feature::*;

/// The features that are on.
pub(super) struct Swarm {
    features: BTreeSet<Feature>,
    /// Those of them that the scenario is about.
    theme: &'static [Feature],
    /// What its users do.
    pub(super) story: Option<&'static Story>,
}

/// In one of so many scenarios each feature is on.
const FEATURES: [(Feature, usize); 44] = [
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
    (Crowd, 60),
    (Elsewhere, 10),
    (Full, 16),
];

/// Features that only together make a story: in most scenarios one such group is on as a whole, since each rare one by
/// chance would hardly ever meet the others.
const THEMES: [&[Feature]; 19] = [
    // Clients that go in the middle of something, and come back.
    &[Drop, Leave, Windows, Resume],
    // Who comes back to a conversation that went on under another id, or is being ended.
    &[Rotation, Resume, Close, Company, SlowStore],
    // What is found of conversations that were continued, branched and left.
    &[Rotation, Draft, Look, Resume, Sessions, Elsewhere],
    // Rows that are deleted while somebody goes on with them.
    &[Rotation, Delete, Company, SlowStore],
    // Titles that are given, taken and given up.
    &[Title, Sessions, Rotation],
    // Jobs that are over when their session is not what it was.
    &[Background, Sessions, Close, Windows],
    &[Background, Close, Windows, Resume],
    // Questions, their answers, and what comes between the two.
    &[Question, Answer, Interrupt, Windows, Resume],
    // More sessions than there may be.
    &[Crowd, Sessions, Resume, Company],
    &[Settings, Sessions, Windows, Resume],
    // Conversations that are changed afterwards.
    &[Cut, Undo, Compress, Busy],
    // A store that fails where much is to be stored.
    &[StoreFaults, Rotation, Branch, Close],
    // Agents that are slow to come, and users who do not wait.
    &[SlowAgent, Interrupt, Close, Resume],
    &[SlowAgent, Question, Close, Resume],
    // Clients that take nothing, and those who take over from them.
    &[SlowReader, Company, Events],
    // Sessions that nobody has used for long, and those who come back to them.
    &[ScanIdle, Settings, Windows, Resume],
    // Clocks that jump or stand still while somebody is away.
    &[SetClock, Suspend, Drop, Resume],
    // Prompts, and interrupts that come before a turn has begun or after it has stopped.
    &[Busy, Interrupt, SlowStore, Windows],
    // Agents that do not stop when they are told to.
    &[Hang, LateAnswer, Interrupt, Busy],
];

impl Swarm {
    pub(super) fn draw(prng: &mut Prng) -> Self {
        let (theme, story) = match prng.below(6) {
            0 => (&[][..], None),
            1 | 2 => {
                let story = prng.one(&STORIES);
                (story.features, Some(story))
            }
            _ => (*prng.one(&THEMES), None),
        };
        // Beside a theme there is less of everything else.
        let rarer = if theme.is_empty() { 1 } else { 2 };
        let on = |prng: &mut Prng, (feature, one_in): (Feature, usize)| match one_in {
            _ if theme.contains(&feature) => true,
            // Drop and resume are what the whole is about; they are off in one of four.
            1 => prng.hits(3, 4),
            one_in => prng.hits(1, one_in * rarer),
        };
        let features = FEATURES.into_iter().filter(|feature| on(prng, *feature)).map(|(feature, _)| feature).collect();
        Self { features, theme, story }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// How likely something is that has this weight by itself.
    pub(super) fn weight(&self, feature: Feature, weight: u32) -> u32 {
        match (self.has(feature), self.theme.contains(&feature)) {
            (false, _) => 0,
            (true, false) => weight,
            (true, true) => 2 * weight,
        }
    }
}

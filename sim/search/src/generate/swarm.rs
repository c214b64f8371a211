//! The features of a generated scenario. Each is on or off for the whole scenario (swarm testing).

use std::collections::BTreeSet;

use super::feature::Feature;
use super::workflow::{WORKFLOWS, Workflow};
use interleaving::prng::Prng;

use Feature::*;

/// The features that are on in one scenario.
pub(super) struct Swarm {
    features: BTreeSet<Feature>,
    /// The group of features that the scenario concentrates on; their weights are doubled.
    theme: &'static [Feature],
    /// The sequence of actions that the script follows, if any.
    pub(super) workflow: Option<&'static Workflow>,
}

/// Groups of features that matter only together. Most scenarios turn on one whole group, because independent draws would
/// seldom combine several rare features.
const THEMES: [&[Feature]; 21] = [
    // Clients that disconnect in the middle of an operation and resume.
    &[Drop, Leave, Windows, Resume],
    // Clients resume a session after its id was rotated, or while it is being closed.
    &[Rotation, Resume, Close, Company, SlowStore],
    // Lists of sessions that were rotated, branched and closed.
    &[Rotation, Draft, Look, Resume, Sessions, Elsewhere],
    // Rows that are deleted while their session is in use.
    &[Rotation, Delete, Company, SlowStore],
    // Titles that are set, already taken, and dropped.
    &[Title, Sessions, Rotation],
    // Background jobs that end after their session was closed or rotated.
    &[Background, Sessions, Close, Windows],
    &[Background, Close, Windows, Resume],
    // Questions with an interrupt or a resume before the answer.
    &[Question, Answer, Interrupt, Windows, Resume],
    // Answers that are late or sent twice, and questions on the screens of several clients.
    &[Question, Answer, SlowNetwork, Company, Resume],
    // More live sessions than the cap.
    &[Crowd, Sessions, Resume, Company],
    &[Settings, Sessions, Windows, Resume],
    // Histories that are truncated, undone and compressed.
    &[Cut, Undo, Compress, Busy],
    // Store faults during rotations, branches and ends.
    &[StoreFaults, Rotation, Branch, Close],
    // Slow agent builds, and clients that interrupt or close meanwhile.
    &[SlowAgent, Interrupt, Close, Resume],
    &[SlowAgent, Question, Close, Resume],
    // Clients that stop reading, and clients that take their sessions over.
    &[SlowReader, Company, Events],
    // Idle sessions that are evicted, and clients that resume them.
    &[ScanIdle, Settings, Windows, Resume],
    // Clock jumps and suspends while a client is disconnected.
    &[SetClock, Suspend, Drop, Resume],
    // Rows of earlier processes and of other programs.
    &[Rows, Look, Resume, Delete],
    // Interrupts before a turn begins or after it ended.
    &[Busy, Interrupt, SlowStore, Windows],
    // Agents that do not stop when interrupted.
    &[Hang, LateAnswer, Interrupt, Busy],
];

impl Swarm {
    pub(super) fn draw(prng: &mut Prng) -> Self {
        let (theme, workflow) = match prng.below(6) {
            0 => (&[][..], None),
            1 | 2 => {
                let workflow = prng.one(&WORKFLOWS);
                (workflow.features, Some(workflow))
            }
            _ => (*prng.one(&THEMES), None),
        };
        Self::on(prng, theme, workflow)
    }

    /// The features of a scenario that concentrates on these.
    pub(super) fn about(prng: &mut Prng, theme: &'static [Feature]) -> Self {
        Self::on(prng, theme, None)
    }

    fn on(prng: &mut Prng, theme: &'static [Feature], workflow: Option<&'static Workflow>) -> Self {
        // With a theme, all other features are half as likely.
        let rarer = if theme.is_empty() { 1 } else { 2 };
        let on = |prng: &mut Prng, feature: Feature| match feature.one_in() {
            _ if theme.contains(&feature) => true,
            // Drop and resume are the core of the subject; they are off in only one of four scenarios.
            1 => prng.hits(3, 4),
            one_in => prng.hits(1, one_in * rarer),
        };
        let features = Feature::ALL.iter().copied().filter(|feature| on(prng, *feature)).collect();
        Self { features, theme, workflow }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// The weight of an action whose own weight is `weight`: 0 when its feature is off, doubled in a theme.
    pub(super) fn weight(&self, feature: Feature, weight: u32) -> u32 {
        match (self.has(feature), self.theme.contains(&feature)) {
            (false, _) => 0,
            (true, false) => weight,
            (true, true) => 2 * weight,
        }
    }
}

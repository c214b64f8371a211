//! Workflows: sequences of actions that users perform on a few sessions.
//!
//! Steps drawn one by one seldom form such a sequence. A workflow fixes the order of its actions. The rest is random: the
//! client, the instant, the turn, the id of a resume, which actions are left out and which come in between.

use super::feature::Feature::{self, *};
use sim_scenario::Word;

/// A sequence of actions, and the features that it needs.
pub(super) struct Workflow {
    pub(super) features: &'static [Feature],
    pub(super) steps: &'static [WorkflowStep],
}

/// One action of a workflow: when, on which session, and the words from which one is drawn.
pub(super) type WorkflowStep = (When, Target, &'static [Word]);

#[derive(Clone, Copy)]
pub(super) enum When {
    /// At the instant of the action before.
    Together,
    /// Within two seconds of the action before.
    Immediately,
    /// While the action before is under way.
    During,
    /// Afterwards every turn has ended.
    Afterwards,
}
use When::*;

/// The session of an action.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// The session that was created first.
    First,
    /// The session that was created last.
    Last,
}
use Target::*;

const TALK: &[Word] = &[Word::Prompt];
const END: &[Word] = &[Word::CloseSession, Word::CloseSession, Word::Drop, Word::Close];
const CLOSE: &[Word] = &[Word::CloseSession];
const RETURN: &[Word] = &[Word::Resume];
const BEGIN: &[Word] = &[Word::Create];
const LOOK: &[Word] = &[Word::List];
const REPLY: &[Word] = &[Word::Answer];
const CRASH: &[Word] = &[Word::Kill, Word::Kill, Word::Signal];

pub(super) const WORKFLOWS: [Workflow; 16] = [
    // A turn is told to stop while it waits for an answer, which comes at that moment.
    Workflow {
        features: &[Question, Answer, Interrupt],
        steps: &[
            (Afterwards, First, TALK),
            (Immediately, First, &[Word::Interrupt, Word::Interrupt, Word::Resume]),
            (Together, First, REPLY),
            (Immediately, First, &[Word::Interrupt]),
            (Together, First, REPLY),
        ],
    },
    // Questions are answered at once, by whoever shows them, and answered again.
    Workflow {
        features: &[Question, Answer, SlowNetwork, Company, Resume],
        steps: &[
            (Afterwards, First, TALK),
            (Immediately, First, &[Word::Resume, Word::Answer]),
            (Immediately, First, REPLY),
            (Immediately, First, REPLY),
            (Immediately, First, &[Word::Answer, Word::Interrupt, Word::Close]),
            (During, First, REPLY),
        ],
    },
    // A session is rotated, then resumed while it is being closed.
    Workflow {
        features: &[Rotation, Resume, Close, Company, SlowStore, StoreFaults],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, END),
            (During, First, RETURN),
            (Afterwards, First, END),
            (During, First, RETURN),
        ],
    },
    // A session is deleted or resumed while its turn runs.
    Workflow {
        features: &[Rotation, Resume, Delete, Company, SlowStore],
        steps: &[
            (Afterwards, First, TALK),
            (During, First, &[Word::Delete, Word::Resume]),
            (Afterwards, First, TALK),
            (During, First, &[Word::Delete, Word::Resume]),
            (Afterwards, First, TALK),
        ],
    },
    // A rotated session is branched, or a draft is created from it; then sessions are listed.
    Workflow {
        features: &[Rotation, Draft, Branch, Sessions, Look, Resume],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, TALK),
            (Afterwards, First, &[Word::Create, Word::Create, Word::Branch]),
            (Afterwards, Last, TALK),
            (Immediately, First, LOOK),
            (Afterwards, First, LOOK),
            (Afterwards, First, RETURN),
            (Afterwards, First, LOOK),
        ],
    },
    // Another program continues a session on the same database.
    Workflow {
        features: &[Elsewhere, Close, Resume, Look, Rotation],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, END),
            (Afterwards, First, &[Word::CliNew]),
            (Afterwards, First, RETURN),
            (Afterwards, First, TALK),
        ],
    },
    // A client alternates between two sessions and lists them.
    Workflow {
        features: &[Sessions, Look, Title],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, Last, BEGIN),
            (Afterwards, Last, TALK),
            (Afterwards, First, TALK),
            (Afterwards, First, LOOK),
            (Afterwards, First, LOOK),
        ],
    },
    // Two sessions are given the same title.
    Workflow {
        features: &[Sessions, Title, Close, Delete],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, Last, BEGIN),
            (Afterwards, Last, TALK),
            (Afterwards, First, &[Word::CloseSession, Word::Delete, Word::Title]),
            (Afterwards, Last, &[Word::Title]),
            (Afterwards, Last, &[Word::Title]),
        ],
    },
    // A session is compressed, then its last prompt is replaced or undone.
    Workflow {
        features: &[Rotation, Compress, Cut, Undo],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, TALK),
            (Afterwards, First, &[Word::Compress, Word::Prompt]),
            (Afterwards, First, TALK),
            (Afterwards, First, &[Word::Prompt, Word::Prompt, Word::Undo]),
        ],
    },
    // The process is killed or signalled in the middle of a turn, and clients resume after the restart.
    Workflow {
        features: &[Kill, Signal, Resume],
        steps: &[
            (Afterwards, First, TALK),
            (During, First, CRASH),
            (During, First, RETURN),
            (Afterwards, First, TALK),
            (During, First, CRASH),
        ],
    },
    // A session is closed before its agent is built, resumed, and asks a question.
    Workflow {
        features: &[SlowAgent, Question, Answer, Title, Close, Resume],
        steps: &[
            (Immediately, First, &[Word::Title, Word::Prompt, Word::Prompt]),
            (Immediately, First, CLOSE),
            (Immediately, First, RETURN),
            (During, First, RETURN),
            (Afterwards, First, TALK),
            (Afterwards, First, TALK),
            (During, First, &[Word::Answer]),
        ],
    },
    // A connection at its session limit resumes one of its own sessions.
    Workflow {
        features: &[Full, Rotation, Resume],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, RETURN),
            (Afterwards, First, TALK),
            (During, First, RETURN),
        ],
    },
    // Two sessions ask at one time, and the later question is answered first.
    Workflow {
        features: &[Sessions, Question, Answer],
        steps: &[
            (Afterwards, First, BEGIN),
            (Immediately, First, TALK),
            (Immediately, Last, TALK),
            (Immediately, Last, REPLY),
            (Immediately, First, REPLY),
        ],
    },
    // More prompts and steers wait than may.
    Workflow {
        features: &[Settings, Busy, Steer],
        steps: &[
            (Afterwards, First, TALK),
            (Immediately, First, TALK),
            (Immediately, First, &[Word::Prompt, Word::Steer]),
            (Immediately, First, &[Word::Prompt, Word::Steer]),
            (Immediately, First, &[Word::Prompt, Word::Steer]),
        ],
    },
    // A turn that a user has steered is interrupted before it reads the message.
    Workflow {
        features: &[Steer, Interrupt],
        steps: &[
            (Afterwards, First, TALK),
            (Immediately, First, &[Word::Steer]),
            (Immediately, First, &[Word::Steer, Word::Interrupt, Word::Interrupt]),
            (Immediately, First, &[Word::Interrupt]),
            (Afterwards, First, TALK),
        ],
    },
    // Prompts and steers wait for a turn that is interrupted, or whose process ends.
    Workflow {
        features: &[Busy, Steer, Kill, Signal, Interrupt, Resume],
        steps: &[
            (Afterwards, First, TALK),
            (Immediately, First, &[Word::Prompt, Word::Prompt, Word::Steer]),
            (Immediately, First, &[Word::Kill, Word::Signal, Word::Interrupt]),
            (Immediately, First, RETURN),
            (Afterwards, First, TALK),
        ],
    },
];

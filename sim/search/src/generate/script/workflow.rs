//! Workflows: sequences of actions that users perform on a few sessions.
//!
//! Steps drawn one by one seldom form such a sequence. A workflow fixes the order of its actions. The rest is random: the
//! client, the instant, the turn, the id of a resume, which actions are left out and which come in between.

use gateway_core::clock::Millis;

use super::super::swarm::Feature::{self, *};
use super::{Kind, Writer};
use sim_scenario::ProcessStep;

/// A sequence of actions, and the features that it needs.
pub(in crate::generate) struct Workflow {
    pub(in crate::generate) features: &'static [Feature],
    steps: &'static [WorkflowStep],
}

/// One action of a workflow: when, on which session, and the kinds from which one is drawn.
type WorkflowStep = (When, Target, &'static [Kind]);

#[derive(Clone, Copy)]
enum When {
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
enum Target {
    /// The session that was created first.
    First,
    /// The session that was created last.
    Last,
}
use Target::*;

const TALK: &[Kind] = &[Kind::Prompt];
const END: &[Kind] = &[Kind::Close, Kind::Close, Kind::Drop, Kind::Leave];
const CLOSE: &[Kind] = &[Kind::Close];
const RETURN: &[Kind] = &[Kind::Resume];
const BEGIN: &[Kind] = &[Kind::Create];
const LOOK: &[Kind] = &[Kind::Look];
const CRASH: &[Kind] = &[Kind::Kill, Kind::Kill, Kind::Signal];

pub(in crate::generate) const WORKFLOWS: [Workflow; 10] = [
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
            (During, First, &[Kind::Delete, Kind::Resume]),
            (Afterwards, First, TALK),
            (During, First, &[Kind::Delete, Kind::Resume]),
            (Afterwards, First, TALK),
        ],
    },
    // A rotated session is branched, or a draft is created from it; then sessions are listed.
    Workflow {
        features: &[Rotation, Draft, Branch, Sessions, Look, Resume],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, TALK),
            (Afterwards, First, &[Kind::Create, Kind::Create, Kind::Branch]),
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
            (Afterwards, First, &[Kind::Elsewhere]),
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
            (Afterwards, First, &[Kind::Close, Kind::Delete, Kind::Title]),
            (Afterwards, Last, &[Kind::Title]),
            (Afterwards, Last, &[Kind::Title]),
        ],
    },
    // A session is compressed, then its last prompt is replaced or undone.
    Workflow {
        features: &[Rotation, Compress, Cut, Undo],
        steps: &[
            (Afterwards, First, TALK),
            (Afterwards, First, TALK),
            (Afterwards, First, &[Kind::Compress, Kind::Prompt]),
            (Afterwards, First, TALK),
            (Afterwards, First, &[Kind::Prompt, Kind::Prompt, Kind::Undo]),
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
            (Immediately, First, &[Kind::Title, Kind::Prompt, Kind::Prompt]),
            (Immediately, First, CLOSE),
            (Immediately, First, RETURN),
            (During, First, RETURN),
            (Afterwards, First, TALK),
            (Afterwards, First, TALK),
            (During, First, &[Kind::Answer]),
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
];

impl Writer<'_> {
    /// Adds the actions of a workflow. Each is left out or preceded by a random step in one of twelve cases.
    pub(super) fn follow(&mut self, workflow: &Workflow) {
        for (when, target, kinds) in workflow.steps {
            match self.prng.below(12) {
                0 => continue,
                1 => {
                    self.pass_time();
                    self.step();
                }
                _ => {}
            }
            self.wait(*when);
            let kind = *self.prng.one(kinds);
            self.perform(*target, kind);
        }
    }

    fn wait(&mut self, when: When) {
        let secs = Millis::from_secs;
        match when {
            Immediately => self.now = self.now + *self.prng.one(&[Millis::ZERO, Millis(1), secs(1), secs(2)]),
            During if self.prng.hits(1, 4) => self.wait(Immediately),
            During => self.pass_to_due(),
            Afterwards if self.prng.hits(1, 6) => self.pass_time(),
            Afterwards => {
                let over = self.sessions.iter().map(|known| known.busy_until).max().unwrap_or_default();
                self.now = self.now.max(over) + self.commit() + *self.prng.one(&[secs(1), secs(2), secs(5)]);
            }
        }
    }

    /// Adds an action by a random client, which connects first where needed.
    fn perform(&mut self, target: Target, kind: Kind) {
        if let Kind::Kill | Kind::Signal = kind {
            return self.take(0, kind);
        }
        let client = self.prng.below(self.clients.len());
        self.connect_first(client);
        let known = match target {
            _ if self.prng.hits(1, 8) => self.prng.one(&self.sessions),
            First => &self.sessions[0],
            Last => self.sessions.last().expect("there is a session from the beginning"),
        };
        let session = known.name.clone();
        match kind {
            Kind::Prompt => self.prompt_to(client, session),
            Kind::Elsewhere => self.process(ProcessStep::CliNew { session }),
            Kind::Create | Kind::Drop | Kind::Leave => self.take(client, kind),
            other => self.ask(client, other, session),
        }
    }
}

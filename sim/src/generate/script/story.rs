//! Stories: what users do one after the other with a few conversations.
//!
//! Steps that are drawn one by one seldom make one. A story is an order of them, in which all else is left to chance: who
//! does it and when, which turn it is, by which id somebody comes back, what is left out and what comes in between.

use gateway::clock::Millis;

use super::super::swarm::Feature::{self, *};
use super::{Kind, Writer};
use crate::scenario::Action;

/// What users do, and what has to be on for that.
pub(in crate::generate) struct Story {
    pub(in crate::generate) features: &'static [Feature],
    beats: &'static [Beat],
}

/// One thing that somebody does, out of some.
type Beat = (When, Whom, &'static [Kind]);

#[derive(Clone, Copy)]
enum When {
    /// Without waiting.
    Soon,
    /// While what was begun goes on.
    Amid,
    /// When it is over.
    After,
}
use When::*;

/// Which conversation it is about.
#[derive(Clone, Copy)]
enum Whom {
    /// The one that was begun first.
    First,
    /// The one that was begun last.
    Last,
}
use Whom::*;

const TALK: &[Kind] = &[Kind::Prompt];
const END: &[Kind] = &[Kind::Close, Kind::Close, Kind::Drop, Kind::Leave];
const CLOSE: &[Kind] = &[Kind::Close];
const RETURN: &[Kind] = &[Kind::Resume];
const BEGIN: &[Kind] = &[Kind::Create];
const LOOK: &[Kind] = &[Kind::Look];
const CRASH: &[Kind] = &[Kind::Kill, Kind::Kill, Kind::Signal];

pub(in crate::generate) const STORIES: [Story; 10] = [
    // A conversation goes on under another id, and somebody wants it back while it is being left.
    Story {
        features: &[Rotation, Resume, Close, Company, SlowStore, StoreFaults],
        beats: &[
            (After, First, TALK),
            (After, First, END),
            (Amid, First, RETURN),
            (After, First, END),
            (Amid, First, RETURN),
        ],
    },
    // The same while it is at work.
    Story {
        features: &[Rotation, Resume, Delete, Company, SlowStore],
        beats: &[
            (After, First, TALK),
            (Amid, First, &[Kind::Delete, Kind::Resume]),
            (After, First, TALK),
            (Amid, First, &[Kind::Delete, Kind::Resume]),
            (After, First, TALK),
        ],
    },
    // A conversation that has gone on gets company: a branch, or another that begins with what was said.
    Story {
        features: &[Rotation, Draft, Branch, Sessions, Look, Resume],
        beats: &[
            (After, First, TALK),
            (After, First, TALK),
            (After, First, &[Kind::Create, Kind::Create, Kind::Branch]),
            (After, Last, TALK),
            (Soon, First, LOOK),
            (After, First, LOOK),
            (After, First, RETURN),
            (After, First, LOOK),
        ],
    },
    // Another program goes on with a conversation.
    Story {
        features: &[Elsewhere, Close, Resume, Look, Rotation],
        beats: &[
            (After, First, TALK),
            (After, First, END),
            (After, First, &[Kind::Elsewhere]),
            (After, First, RETURN),
            (After, First, TALK),
        ],
    },
    // Somebody goes to and fro between conversations, and looks for them.
    Story {
        features: &[Sessions, Look, Title],
        beats: &[
            (After, First, TALK),
            (After, Last, BEGIN),
            (After, Last, TALK),
            (After, First, TALK),
            (After, First, LOOK),
            (After, First, LOOK),
        ],
    },
    // Conversations of one name.
    Story {
        features: &[Sessions, Title, Close, Delete],
        beats: &[
            (After, First, TALK),
            (After, Last, BEGIN),
            (After, Last, TALK),
            (After, First, &[Kind::Close, Kind::Delete, Kind::Title]),
            (After, Last, &[Kind::Title]),
            (After, Last, &[Kind::Title]),
        ],
    },
    // A conversation is shortened, and then what was said last is said otherwise.
    Story {
        features: &[Rotation, Compress, Cut, Undo],
        beats: &[
            (After, First, TALK),
            (After, First, TALK),
            (After, First, &[Kind::Compress, Kind::Prompt]),
            (After, First, TALK),
            (After, First, &[Kind::Prompt, Kind::Prompt, Kind::Undo]),
        ],
    },
    // The gateway goes down in the middle of something, and clients come back to what is left.
    Story {
        features: &[Kill, Signal, Resume],
        beats: &[
            (After, First, TALK),
            (Amid, First, CRASH),
            (Amid, First, RETURN),
            (After, First, TALK),
            (Amid, First, CRASH),
        ],
    },
    // Somebody does not wait for the agent, comes back to it, and is asked something.
    Story {
        features: &[SlowAgent, Question, Answer, Title, Close, Resume],
        beats: &[
            (Soon, First, &[Kind::Title, Kind::Prompt, Kind::Prompt]),
            (Soon, First, CLOSE),
            (Soon, First, RETURN),
            (Amid, First, RETURN),
            (After, First, TALK),
            (After, First, TALK),
            (Amid, First, &[Kind::Answer]),
        ],
    },
    // Somebody has as many sessions as there may be, and asks for one of them.
    Story {
        features: &[Full, Rotation, Resume],
        beats: &[(After, First, TALK), (After, First, RETURN), (After, First, TALK), (Amid, First, RETURN)],
    },
];

impl Writer<'_> {
    /// Tells a story, more or less.
    pub(super) fn tell(&mut self, story: &Story) {
        for (when, whom, kinds) in story.beats {
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
            self.carry_on(*whom, kind);
        }
    }

    fn wait(&mut self, when: When) {
        let secs = Millis::from_secs;
        match when {
            Soon => self.now = self.now + *self.prng.one(&[Millis::ZERO, Millis(1), secs(1), secs(2)]),
            Amid if self.prng.hits(1, 4) => self.wait(Soon),
            Amid => self.pass_to_due(),
            After if self.prng.hits(1, 6) => self.pass_time(),
            After => {
                let over = self.sessions.iter().map(|known| known.busy_until).max().unwrap_or_default();
                self.now = self.now.max(over) + self.commit() + *self.prng.one(&[secs(1), secs(2), secs(5)]);
            }
        }
    }

    /// Somebody who is there does this, or comes first.
    fn carry_on(&mut self, whom: Whom, kind: Kind) {
        if let Kind::Kill | Kind::Signal = kind {
            return self.take(0, kind);
        }
        let client = self.prng.below(self.clients.len());
        self.connect_first(client);
        let known = match whom {
            _ if self.prng.hits(1, 8) => self.prng.one(&self.sessions),
            First => &self.sessions[0],
            Last => self.sessions.last().expect("there is a session from the beginning"),
        };
        let session = known.name.clone();
        match kind {
            Kind::Prompt => self.prompt_to(client, session),
            Kind::Elsewhere => self.process(Action::CliNew { session }),
            Kind::Create | Kind::Drop | Kind::Leave => self.take(client, kind),
            other => self.ask(client, other, session),
        }
    }
}

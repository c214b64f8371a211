//! Follows a workflow.

use gateway_core::clock::Millis;

use super::Writer;
use crate::generate::workflow::Target::{self, *};
use crate::generate::workflow::When::{self, *};
use crate::generate::workflow::Workflow;
use sim_scenario::{ProcessStep, Word};

impl Writer<'_> {
    /// Adds the actions of a workflow. Each is left out or preceded by a random step in one of twelve cases.
    pub(super) fn follow(&mut self, workflow: &Workflow) {
        for (when, target, words) in workflow.steps {
            match self.prng.below(12) {
                0 => continue,
                1 => {
                    self.pass_time();
                    self.step();
                }
                _ => {}
            }
            self.wait(*when);
            let word = *self.prng.one(words);
            self.perform(*target, word);
        }
    }

    fn wait(&mut self, when: When) {
        let secs = Millis::from_secs;
        match when {
            Together => {}
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
    fn perform(&mut self, target: Target, word: Word) {
        if [Word::Kill, Word::Signal].contains(&word) {
            return self.take(0, word);
        }
        let client = self.prng.below(self.clients.len());
        self.connect_first(client);
        let known = match target {
            _ if self.prng.hits(1, 8) => self.prng.one(&self.sessions),
            First => &self.sessions[0],
            Last => self.sessions.last().expect("there is a session from the beginning"),
        };
        let session = known.name.clone();
        if word == Word::Prompt {
            self.prompt_to(client, session);
        } else if word == Word::CliNew {
            self.process(ProcessStep::CliNew { session });
        } else if [Word::Create, Word::Drop, Word::Close].contains(&word) {
            self.take(client, word);
        } else {
            self.ask(client, word, session);
        }
    }
}

//! Prompts that wait for the turn before them.

use crate::group::group;
use crate::ids::ConnectionId;
use crate::record::{Kept, Queued, Record, SessionStage};

group! {
    /// Prompts that wait for the turn before them.
    Queue "queue" {
        /// How many prompts may be queued.
        slots: Slots {
            /// Up to `max_waiting_prompts`, each with a turn of its own.
            Each "each",
            /// One: a second text is appended to the first after a blank line (spec §4.3).
            OneMerged "one_merged",
        }
        /// How `max_waiting_prompts` is kept.
        bound: Bound {
            /// As many may wait as the setting says.
            Exact "exact",
            /// One more may.
            OneMore "one_more",
            /// One fewer may.
            OneFewer "one_fewer",
        }
        /// Which client receives the events of a queued prompt.
        delivery: Delivery {
            /// The client that is attached when its turn starts.
            Attached "attached",
            /// The connection on which it arrived, even if that is dead (S19).
            Pinned "pinned",
        }
        /// Where accepted prompts, steers and notices are kept until a message holds them.
        storage: Storage {
            /// In the rows, from before the answer on: after a restart the resume of their conversation carries them out.
            Rows "rows",
            /// In memory: they are lost with the process, although they were accepted (hermes-agent#99882).
            Memory "memory",
        }
        /// When input that waits is answered as accepted.
        answer: Answer {
            /// After the commit of its row.
            AfterCommit "after_commit",
            /// Before it: a kill or a refused write in between loses what was accepted.
            BeforeCommit "before_commit",
        }
        /// When a queued prompt gets its turn.
        drain: Drain {
            /// After every turn, however it ended, while the session is open.
            AfterEachTurn "after_each_turn",
            /// After a turn that began, even if the session was closed meanwhile (S20, S30).
            AfterNormalTurn "after_normal_turn",
        }
    }
}

/// How far the turn before a waiting prompt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrecedingTurn {
    /// It had an agent.
    Worked,
    /// It ended before its work began.
    NeverBegan,
}

/// What a turn that frees its session does with the first prompt of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextPrompt {
    /// It claims the session.
    Start,
    /// It stays in the queue.
    Wait,
}

impl Queue {
    /// Whether one more prompt may wait; `max` is the bound, zero for none. Prompts that are merged into one text always
    /// may.
    pub fn has_room(&self, waiting: &[Queued], max: u32) -> bool {
        let max = max as usize;
        match (self.slots, self.bound) {
            _ if max == 0 => true,
            (Slots::OneMerged, _) => true,
            (Slots::Each, Bound::Exact) => waiting.len() < max,
            (Slots::Each, Bound::OneMore) => waiting.len() <= max,
            (Slots::Each, Bound::OneFewer) => waiting.len() + 1 < max,
        }
    }

    /// Adds a prompt to those that wait.
    pub fn push(&self, waiting: &mut Vec<Queued>, prompt: Queued) {
        match (self.slots, waiting.last_mut()) {
            (Slots::OneMerged, Some(slot)) => {
                slot.text = format!("{}\n\n{}", slot.text, prompt.text);
                slot.link = prompt.link;
            }
            (Slots::Each | Slots::OneMerged, _) => waiting.push(prompt),
        }
    }

    /// Whether input is answered as accepted before its row is committed.
    pub fn answers_early(&self) -> bool {
        match self.answer {
            Answer::AfterCommit => false,
            Answer::BeforeCommit => true,
        }
    }

    /// Where accepted input is kept.
    pub fn storage(&self) -> Storage {
        self.storage
    }

    /// What the first prompt of the queue does after the turn `before`.
    pub fn next_prompt(&self, record: &Record, before: PrecedingTurn) -> NextPrompt {
        if record.queue.first().is_some_and(|first| matches!(first.kept, Kept::Storing(_))) {
            return NextPrompt::Wait;
        }
        match (self.drain, record.stage, before) {
            (Drain::AfterEachTurn, SessionStage::Open, _) | (Drain::AfterNormalTurn, _, PrecedingTurn::Worked) => {
                NextPrompt::Start
            }
            (Drain::AfterEachTurn, _, _) | (Drain::AfterNormalTurn, _, PrecedingTurn::NeverBegan) => NextPrompt::Wait,
        }
    }

    /// The connection that the session is attached to when a waiting prompt starts; `None` to leave the attachment.
    pub fn binds(&self, prompt: &Queued) -> Option<ConnectionId> {
        match self.delivery {
            Delivery::Attached => None,
            Delivery::Pinned => prompt.link.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, with};

    fn prompt(text: &str) -> Queued {
        Queued { text: text.to_owned(), link: Some(ConnectionId::new(1, text)), kept: Kept::Memory, refusals: 0 }
    }

    #[test]
    fn prompts_wait_apart_or_merged() {
        let push = |slots| {
            let (queue, mut waiting) = (Queue { slots, ..Queue::default() }, vec![prompt("one")]);
            queue.push(&mut waiting, prompt("two"));
            let has_room = queue.has_room(&waiting, waiting.len() as u32);
            (waiting.into_iter().map(|queued| queued.text).collect::<Vec<_>>(), has_room)
        };
        assert_eq!(push(Slots::Each), (vec!["one".to_owned(), "two".to_owned()], false));
        assert_eq!(push(Slots::OneMerged), (vec!["one\n\ntwo".to_owned()], true));
        assert!(Queue::default().has_room(&[prompt("one")], 0), "zero is no bound");
    }

    #[test]
    fn a_bound_is_exact_or_off_by_one() {
        let room = |bound| {
            let queue = Queue { bound, ..Queue::default() };
            [0, 1, 2].map(|count| queue.has_room(&vec![prompt("one"); count], 2))
        };
        assert_eq!(room(Bound::Exact), [true, true, false]);
        assert_eq!(room(Bound::OneMore), [true, true, true]);
        assert_eq!(room(Bound::OneFewer), [true, false, false]);
    }

    /// A prompt that is being stored has no turn yet.
    #[test]
    fn a_prompt_begins_when_it_is_stored() {
        let id = crate::store::InputId("one".into());
        for (kept, expected) in [(Kept::Storing(id.clone()), NextPrompt::Wait), (Kept::Stored(id), NextPrompt::Start)] {
            let record = with(idle(), |record| record.queue = vec![Queued { kept, ..prompt("one") }]);
            assert_eq!(Queue::default().next_prompt(&record, PrecedingTurn::Worked), expected);
        }
        assert_eq!(Queue::default().storage(), Storage::Rows);
    }

    #[track_caller]
    fn check_next(drain: Drain, stage: SessionStage, before: PrecedingTurn, expected: NextPrompt) {
        let queue = Queue { drain, ..Queue::default() };
        let record = with(idle(), |record| record.stage = stage);
        assert_eq!(queue.next_prompt(&record, before), expected, "{drain:?} {stage:?} {before:?}");
    }

    #[test]
    fn prompts_have_their_turn() {
        check_next(Drain::AfterEachTurn, SessionStage::Open, PrecedingTurn::NeverBegan, NextPrompt::Start);
        check_next(Drain::AfterEachTurn, SessionStage::Closing, PrecedingTurn::Worked, NextPrompt::Wait);
        check_next(Drain::AfterNormalTurn, SessionStage::Open, PrecedingTurn::NeverBegan, NextPrompt::Wait);
        check_next(Drain::AfterNormalTurn, SessionStage::Closing, PrecedingTurn::Worked, NextPrompt::Start);
    }

    #[test]
    fn only_pinned_prompts_bind() {
        let binds = |delivery| Queue { delivery, ..Queue::default() }.binds(&prompt("one"));
        assert_eq!(binds(Delivery::Attached), None);
        assert_eq!(binds(Delivery::Pinned), Some(ConnectionId::new(1, "one")));
    }
}

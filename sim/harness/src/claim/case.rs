//! The cases of a claim: each is judged, or excused with a reason, or does not concern the claim. They are counted.
//!
//! A claim that looks again and again at one subject has one case for it in a run, which counts as the claim found it last.

use std::collections::BTreeMap;

use crate::world::cases::{Count, Excuse};

/// A claim that failed for one subject.
pub(crate) struct Breach {
    /// The session, row or client that it is about. One violation is reported for each.
    pub(crate) subject: String,
    pub(crate) detail: String,
}

/// What a claim says about one case.
pub(crate) enum Case {
    /// The claim promises nothing here.
    NotConcerned,
    /// The claim is kept.
    Held,
    /// The claim is not judged, though it promises something here.
    Excused(Excuse),
    /// The claim is broken.
    Failed(Breach),
}

/// The cases of one claim, as it finds them.
pub(crate) struct Cases<'a> {
    tally: &'a mut Tally,
    breaches: Vec<Breach>,
}

/// The cases of one claim in a run so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// The cases that were looked at once.
    once: Count,
    /// The numbers that the claim has given last of the cases that something else counts.
    so_far: Count,
    /// Those of them that were excused after all, by the oracle.
    taken_back: Count,
    /// The subjects that were judged when they were looked at last: one bit for each place.
    judged: Vec<u64>,
    /// The subjects that were excused when they were looked at last.
    excused: BTreeMap<usize, Excuse>,
}

/// The number of turns of a session that have places of their own.
pub(crate) const TURNS: usize = 64;

/// The place of a turn, from the places of its session and of the turn in it.
pub(crate) fn turn_place(session: usize, turn: usize) -> usize {
    session * TURNS + turn.min(TURNS - 1)
}

impl Case {
    /// Held, or broken by this.
    pub(crate) fn of(breach: Option<Breach>) -> Self {
        breach.map_or(Self::Held, Self::Failed)
    }

    /// Broken for this subject.
    pub(crate) fn failed(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Failed(Breach { subject: subject.into(), detail: detail.into() })
    }
}

impl<'a> Cases<'a> {
    pub(crate) fn new(tally: &'a mut Tally) -> Self {
        Self { tally, breaches: Vec::new() }
    }

    /// Adds a case that is looked at once: a frame, or a subject at rest.
    pub(crate) fn add(&mut self, case: Case) {
        self.tally.add(&case);
        self.keep(case);
    }

    /// Adds what the claim finds now in a subject that it looks at again and again. `place` tells it from the others.
    pub(crate) fn look(&mut self, place: usize, case: Case) {
        self.tally.look(place, &case);
        self.keep(case);
    }

    /// Sets the number of cases that were judged so far in the run, for a claim whose cases something else counts.
    pub(crate) fn so_far(&mut self, judged: usize) {
        self.tally.so_far.judged = self.tally.so_far.judged.max(judged as u64);
    }

    /// The same, with the excused ones.
    pub(crate) fn count_so_far(&mut self, count: &Count) {
        self.tally.so_far.clone_from(count);
    }

    /// Adds a breach of one of the cases that [`so_far`](Self::so_far) counts.
    pub(crate) fn fail(&mut self, subject: impl Into<String>, detail: impl Into<String>) {
        self.keep(Case::failed(subject, detail));
    }

    /// Whether the subject at this place was judged before.
    pub(crate) fn was_judged(&self, place: usize) -> bool {
        self.tally.judged.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    pub(crate) fn into_breaches(self) -> Vec<Breach> {
        self.breaches
    }

    fn keep(&mut self, case: Case) {
        if let Case::Failed(breach) = case {
            self.breaches.push(breach);
        }
    }
}

impl Tally {
    pub(crate) fn add(&mut self, case: &Case) {
        match case {
            Case::NotConcerned => {}
            Case::Held | Case::Failed(_) => self.once.judge(),
            Case::Excused(excuse) => self.once.excuse(*excuse),
        }
    }

    /// Excuses a case that is counted where it began.
    pub(crate) fn take_back(&mut self, excuse: Excuse) {
        self.taken_back.excuse(excuse);
    }

    fn look(&mut self, place: usize, case: &Case) {
        let (word, bit) = (place / 64, 1 << (place % 64));
        match case {
            Case::NotConcerned => {}
            Case::Held | Case::Failed(_) => {
                if self.judged.len() <= word {
                    self.judged.resize(word + 1, 0);
                }
                self.judged[word] |= bit;
                if !self.excused.is_empty() {
                    self.excused.remove(&place);
                }
            }
            Case::Excused(excuse) => {
                if let Some(judged) = self.judged.get_mut(word) {
                    *judged &= !bit;
                }
                self.excused.insert(place, *excuse);
            }
        }
    }

    /// The counts of the run.
    pub(crate) fn count(&self) -> Count {
        let mut count = self.once.clone();
        count.add(&self.so_far);
        count.add(&self.taken_back);
        count.judged -= self.taken_back.excused().min(count.judged);
        count.judged += self.judged.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
        self.excused.values().for_each(|excuse| count.excuse(*excuse));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subject counts as it was found last, and a case that concerns nothing changes nothing.
    #[test]
    fn a_subject_has_one_case() {
        let mut tally = Tally::default();
        let mut cases = Cases::new(&mut tally);
        cases.look(70, Case::Held);
        cases.look(70, Case::Excused(Excuse::Killed));
        cases.look(1, Case::Excused(Excuse::Killed));
        cases.look(1, Case::failed("work", "is broken"));
        cases.look(1, Case::NotConcerned);
        assert_eq!(cases.into_breaches().len(), 1);
        let count = tally.count();
        assert_eq!((count.judged, count.excused()), (1, 1));
    }

    /// A case that is looked at once is counted each time.
    #[test]
    fn cases_add_up() {
        let mut tally = Tally::default();
        let mut cases = Cases::new(&mut tally);
        cases.add(Case::Held);
        cases.add(Case::Excused(Excuse::RowDeleted));
        cases.add(Case::NotConcerned);
        cases.so_far(3);
        cases.so_far(2);
        let count = tally.count();
        assert_eq!((count.judged, count.excused()), (4, 1));
    }
}

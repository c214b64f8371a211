//! The messages of one row, in the order in which they were stored: which calls and results belong together, and what is stored
//! twice. Pure: it reads no database. `sim find` judges the rows of its runs by it too, so that a word of a pattern and a finding
//! mean the same.
//!
//! A row may have millions of messages. So they are taken one at a time, and of each only its time and its digest stay.

use std::collections::BTreeMap;

use crate::message::{Message, Part, Role};

/// Times closer than this are one time: half a millisecond, the resolution of some writers, in seconds.
const SAME_TIME: f64 = 0.0005;
/// An exchange that is stored within this time, in seconds, was not made then: no model answers as fast.
const AT_ONCE: f64 = 0.05;
/// A message may be dated a little after the end of its row, in seconds: some are dated when they are stored, others when they
/// are said.
const SLACK: f64 = 1.0;

/// Messages of one kind in a row: how many, and the ids of the first.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) count: u64,
    pub(crate) first: Vec<i64>,
}

impl Ids {
    /// How many ids are kept, which a finding names.
    const KEPT: usize = 10;

    fn add(&mut self, id: i64) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(id);
        }
    }
}

/// What the messages of a row amount to.
#[derive(Debug, Default)]
pub struct Talk {
    pub(crate) live: i64,
    pub(crate) undone: i64,
    pub(crate) archived: i64,
    pub(crate) live_calls: i64,
    pub(crate) undone_calls: i64,
    /// The largest time of a message, in seconds since 1970.
    pub(crate) last_at: Option<f64>,
    /// Messages with a call that no result follows; of the last message of an open row, the call may be under way.
    pub(crate) unanswered: Ids,
    /// Whether the only unanswered calls are those of the last message that makes any.
    pub(crate) is_under_way: bool,
    /// Results that follow no open call.
    pub(crate) unasked: Ids,
    /// Messages that repeat earlier ones.
    pub(crate) repeated: Ids,
    /// Messages with a time after the end of the row.
    pub(crate) after_end: Ids,
}

impl Talk {
    /// The number of messages that the model gets.
    pub fn live(&self) -> u64 {
        self.live.unsigned_abs()
    }

    /// Whether a message makes a call that no result follows.
    pub fn has_call_without_result(&self) -> bool {
        self.unanswered.count > 0
    }

    /// Whether a result follows no open call.
    pub fn has_result_without_call(&self) -> bool {
        self.unasked.count > 0
    }

    /// Whether a message is stored a second time.
    pub fn has_duplicates(&self) -> bool {
        self.repeated.count > 0
    }

    /// Whether a counter of messages is right. Messages that were taken back are counted or not.
    pub fn is_message_count(&self, count: i64) -> bool {
        (self.live..=self.live + self.undone).contains(&count)
    }

    /// Whether a counter of calls is right. Those of messages that were taken back are counted or not.
    pub fn is_call_count(&self, count: i64) -> bool {
        (self.live_calls..=self.live_calls + self.undone_calls).contains(&count)
    }

    pub(crate) fn stored(&self) -> i64 {
        self.live + self.undone + self.archived
    }
}

/// Takes the messages of one row.
#[derive(Debug)]
pub struct Transcript {
    ended_at: Option<f64>,
    talk: Talk,
    repetitions: Repetitions,
    calls: Calls,
    /// The last live message. The next one may show that it repeats an earlier one.
    last: Option<(Message, Place)>,
}

impl Transcript {
    /// Of a row that ended at `ended_at`, if at all, in seconds since 1970.
    pub fn new(ended_at: Option<f64>) -> Self {
        let (talk, repetitions, calls) = (Talk::default(), Repetitions::default(), Calls::default());
        Self { ended_at, talk, repetitions, calls, last: None }
    }

    /// Takes the next message.
    pub fn add(&mut self, message: Message) {
        let talk = &mut self.talk;
        let calls = i64::try_from(message.calls_made).unwrap_or(i64::MAX);
        match message.part {
            Part::Live => (talk.live, talk.live_calls) = (talk.live + 1, talk.live_calls + calls),
            Part::Undone => (talk.undone, talk.undone_calls) = (talk.undone + 1, talk.undone_calls + calls),
            Part::Archived => talk.archived += 1,
        }
        talk.last_at = match (talk.last_at, message.at) {
            (Some(last), Some(at)) => Some(last.max(at)),
            (last, at) => last.or(at),
        };
        if let (Some(ended), Some(at)) = (self.ended_at, message.at)
            && at > ended + SLACK
        {
            talk.after_end.add(message.id);
        }
        if message.part == Part::Live {
            let mut last = self.last.take();
            let place = self.repetitions.place(&message, last.as_mut().map(|(message, place)| (&*message, place)));
            self.settle(last);
            self.last = Some((message, place));
        }
    }

    /// What the messages amount to.
    pub fn finish(mut self) -> Talk {
        let last = self.last.take();
        self.settle(last);
        self.calls.finish(&mut self.talk);
        self.talk
    }

    /// Of the live message before the current one it is known now whether it repeats another. If so, its calls are those of
    /// the other one.
    fn settle(&mut self, last: Option<(Message, Place)>) {
        match last {
            Some((message, Place { is_repeated: true, .. })) => self.talk.repeated.add(message.id),
            Some((message, _)) => self.calls.take(&message, &mut self.talk),
            None => {}
        }
    }
}

/// Where a live message stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its number among the live messages.
    own: usize,
    /// The number of the first message that is equal; its own if there is none before it.
    first: usize,
    is_repeated: bool,
}

/// The live messages so far, as far as a later one may repeat them.
#[derive(Debug, Default)]
struct Repetitions {
    /// The number of the first message with a digest.
    first: BTreeMap<u64, usize>,
    /// The time of each message, in seconds since 1970; no number if it has none.
    times: Vec<f64>,
    /// The latest time.
    latest: Option<f64>,
}

impl Repetitions {
    /// Finds whether a message was stored before, and whether it shows that the one before it was.
    ///
    /// A person may say the same thing twice, and get the same answer. So an equal message is a repetition only if it has the
    /// id of the same call; if it has the time of the earlier one, and later ones were stored in between; if it follows another
    /// repetition as it did the first time; or if an exchange is stored faster than the first time and than a model could answer.
    fn place(&mut self, message: &Message, last: Option<(&Message, &mut Place)>) -> Place {
        let own = self.times.len();
        self.times.push(message.at.unwrap_or(f64::NAN));
        let before = self.latest;
        self.latest = [before, message.at].into_iter().flatten().reduce(f64::max);
        let earlier = *self.first.entry(message.digest).or_insert(own);
        let mut place = Place { own, first: earlier, is_repeated: false };
        if earlier == own {
            return place;
        }
        let ids = || message.calls.iter().chain(&message.answers);
        let same_call = ids().next().is_some() && ids().all(|id| id.is_unique);
        let goes_back = message.at.zip(before).is_some_and(|(at, before)| at < before - SAME_TIME);
        let same_time = self.gap(earlier, own) < SAME_TIME && goes_back;
        // The pair of this message and the one before it, if it was stored before.
        let pair = last.filter(|(_, last)| last.first != last.own && last.first + 1 == earlier);
        let follows = pair.as_ref().is_some_and(|(_, last)| last.is_repeated);
        let too_fast = pair.filter(|(other, last)| {
            other.role != message.role && self.gap(last.own, own) < AT_ONCE && self.gap(earlier - 1, earlier) >= AT_ONCE
        });
        place.is_repeated = same_call || same_time || follows || too_fast.is_some();
        if let Some((_, last)) = too_fast {
            last.is_repeated = true;
        }
        place
    }

    /// The seconds between two messages. No number, which is neither more nor less than any, if one of them has no time.
    fn gap(&self, one: usize, next: usize) -> f64 {
        (self.times[next] - self.times[one]).abs()
    }
}

/// The calls that have no result so far.
#[derive(Debug, Default)]
struct Calls {
    /// By their number in the row.
    open: BTreeMap<usize, OpenCall>,
    /// The number of the call that a name stands for, by the hash of the name.
    by_name: BTreeMap<u64, usize>,
    made: usize,
    /// The last message that makes any.
    last_maker: Option<i64>,
}

#[derive(Debug)]
struct OpenCall {
    names: [u64; 2],
    maker: i64,
}

impl Calls {
    fn take(&mut self, message: &Message, talk: &mut Talk) {
        if message.role == Role::Tool {
            let Some(answers) = message.answers else { return };
            match self.by_name.get(&answers.names[0]).copied() {
                Some(number) => {
                    let call = self.open.remove(&number);
                    for name in call.into_iter().flat_map(|call| call.names) {
                        self.by_name.remove(&name);
                    }
                }
                None => talk.unasked.add(message.id),
            }
        }
        for call in &message.calls {
            self.open.insert(self.made, OpenCall { names: call.names, maker: message.id });
            self.by_name.extend(call.names.map(|name| (name, self.made)));
            self.made += 1;
            self.last_maker = Some(message.id);
        }
    }

    fn finish(self, talk: &mut Talk) {
        talk.is_under_way = self.open.values().all(|call| Some(call.maker) == self.last_maker);
        let makers: Vec<i64> = self.open.into_values().map(|call| call.maker).collect();
        // The calls of one message have neighbouring numbers.
        makers.chunk_by(PartialEq::eq).for_each(|calls| talk.unanswered.add(calls[0]));
    }
}

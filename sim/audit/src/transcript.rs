//! The messages of one row: which calls and results belong together, and what is stored twice. Pure: it reads no database.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Times closer than this are one time: half a millisecond, the resolution of some writers, in seconds.
const SAME_TIME: f64 = 0.0005;
/// An exchange that is stored within this time, in seconds, was not made then: no model answers as fast.
const AT_ONCE: f64 = 0.05;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
    Tool,
    Other,
}

/// Whether a message is still part of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The model gets it.
    Live,
    /// A compression in place has replaced it.
    Archived,
    /// A person has taken it back. It may still be counted.
    Undone,
}

/// The id of a call as a hash of each name that it has, and whether it is long enough to be unique.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallId {
    pub(crate) names: [u64; 2],
    pub(crate) is_unique: bool,
}

/// A message without its text.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) role: Role,
    pub(crate) part: Part,
    /// Seconds since 1970.
    pub(crate) at: Option<f64>,
    /// Of role, text, calls and the id of the result.
    pub(crate) digest: u64,
    /// The calls that it makes, as a range of [`Transcript::calls`].
    pub(crate) calls: Range<usize>,
    /// How many calls it makes, also those without an id.
    pub(crate) calls_made: u64,
    /// The call that it answers.
    pub(crate) answers: Option<CallId>,
}

/// The messages of one row, in the order in which they were stored.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) messages: Vec<Message>,
    pub(crate) calls: Vec<CallId>,
}

/// What the messages of a row amount to.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) live: i64,
    pub(crate) undone: i64,
    pub(crate) archived: i64,
    pub(crate) live_calls: i64,
    pub(crate) undone_calls: i64,
    /// The largest time of a message, in seconds since 1970.
    pub(crate) last_at: Option<f64>,
    /// Messages with a call that no result follows; of the last message of an open row, the call may be under way.
    pub(crate) unanswered: Vec<i64>,
    /// Whether the only unanswered calls are those of the last message that makes any.
    pub(crate) is_under_way: bool,
    /// Results that follow no open call.
    pub(crate) unasked: Vec<i64>,
    /// Messages that repeat earlier ones.
    pub(crate) repeated: Vec<i64>,
    /// Messages with a time after the end of the row.
    pub(crate) after_end: Vec<i64>,
}

impl Talk {
    pub(crate) fn stored(&self) -> i64 {
        self.live + self.undone + self.archived
    }
}

impl Transcript {
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.calls.clear();
    }

    /// Sums up the messages of a row that ended at `ended_at`, if at all; a message up to `slack` seconds after it is in time.
    pub(crate) fn sum_up(&self, ended_at: Option<f64>, slack: f64) -> Talk {
        let mut talk = Talk::default();
        for message in &self.messages {
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
            if let (Some(ended), Some(at)) = (ended_at, message.at)
                && at > ended + slack
            {
                talk.after_end.push(message.id);
            }
        }
        let live: Vec<&Message> = self.messages.iter().filter(|message| message.part == Part::Live).collect();
        let repeated = self.repeated(&live);
        let once: Vec<&Message> = live.iter().copied().filter(|message| !repeated.contains(&message.id)).collect();
        self.match_calls(&once, &mut talk);
        talk.repeated = repeated.into_iter().collect();
        talk
    }

    /// The ids of messages that were stored before.
    ///
    /// A person may say the same thing twice, and get the same answer. So an equal message is a repetition only if it has the
    /// id of the same call; if it has the time of the earlier one, and later ones were stored in between; if it follows another
    /// repetition as it did the first time; or if an exchange is stored faster than the first time and than a model could answer.
    fn repeated(&self, live: &[&Message]) -> BTreeSet<i64> {
        let mut repeated = BTreeSet::new();
        let mut first: BTreeMap<u64, usize> = BTreeMap::new();
        let mut latest = f64::NEG_INFINITY;
        let gap = |one: usize, next: usize| Some((live[next].at? - live[one].at?).abs());
        for (place, message) in live.iter().enumerate() {
            let before = latest;
            latest = message.at.map_or(latest, |at| latest.max(at));
            let Some(&earlier) = first.get(&message.digest) else {
                first.insert(message.digest, place);
                continue;
            };
            let ids = || self.calls[message.calls.clone()].iter().chain(&message.answers);
            let same_call = ids().next().is_some() && ids().all(|id| id.is_unique);
            let goes_back = message.at.is_some_and(|at| at < before - SAME_TIME);
            let same_time = gap(earlier, place).is_some_and(|gap| gap < SAME_TIME) && goes_back;
            // The pair of this message and the one before it, if it was stored before.
            let pair = place.checked_sub(1).filter(|last| {
                earlier != place && first.get(&live[*last].digest).is_some_and(|of| of != last && of + 1 == earlier)
            });
            let follows = pair.is_some_and(|last| repeated.contains(&live[last].id));
            let too_fast = pair.is_some_and(|last| {
                live[last].role != message.role
                    && gap(last, place).is_some_and(|gap| gap < AT_ONCE)
                    && gap(earlier - 1, earlier).is_some_and(|gap| gap >= AT_ONCE)
            });
            if same_call || same_time || follows || too_fast {
                repeated.insert(message.id);
                repeated.extend(pair.filter(|_| too_fast).map(|last| live[last].id));
            }
        }
        repeated
    }

    fn match_calls(&self, messages: &[&Message], talk: &mut Talk) {
        // The open calls, by the hash of each of their names, as places in `self.calls`.
        let mut open: BTreeMap<u64, usize> = BTreeMap::new();
        let mut makers: BTreeMap<usize, i64> = BTreeMap::new();
        let mut last_maker = None;
        for message in messages {
            if message.role == Role::Tool {
                let Some(answers) = message.answers else { continue };
                match open.get(&answers.names[0]).copied() {
                    Some(call) => {
                        for name in self.calls[call].names {
                            open.remove(&name);
                        }
                        makers.remove(&call);
                    }
                    None => talk.unasked.push(message.id),
                }
            }
            for call in message.calls.clone() {
                makers.insert(call, message.id);
                last_maker = Some(message.id);
                for name in self.calls[call].names {
                    open.insert(name, call);
                }
            }
        }
        let unanswered: BTreeSet<i64> = makers.into_values().collect();
        talk.is_under_way = unanswered.iter().all(|maker| Some(*maker) == last_maker);
        talk.unanswered = unanswered.into_iter().collect();
    }
}

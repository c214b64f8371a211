//! The questions of a session: the open one, and those of which a client may still send an answer.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use serde_json::Value;

use crate::agent::QuestionKind;
use crate::ids::ConnectionId;

/// How many resolved questions of a session are remembered, so that a late answer is refused with the reason.
const RESOLVED_MAX: usize = 64;

/// How many approvals without an answer are remembered for all connections of a session.
const UNANSWERED_MAX: usize = 64;

/// How many connections of each are remembered that do not answer it any more. A forgotten one is asked for an id once more.
const PASSED_ON_MAX: usize = 64;

/// A question of the agent that waits for its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenQuestion {
    /// What an answer names. Old releases name an approval by its session.
    pub id: String,
    /// What kind of answer is wanted.
    pub kind: QuestionKind,
    /// The payload of the event that asks it.
    pub payload: Value,
    /// The connections that it was sent to.
    pub shown: Vec<ConnectionId>,
}

/// A question that is no longer open.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedQuestion {
    /// The question as it was.
    pub question: OpenQuestion,
    /// How it came to its end.
    pub resolution: Resolution,
}

/// How a question came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A client has answered it.
    Answered,
    /// No answer came in time.
    TimedOut,
    /// Its turn was interrupted.
    Interrupted,
    /// Its session was ended.
    SessionEnded,
}

/// The approval that an answer without an id is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// None: no approval was sent on its connection that the connection has not answered.
    None,
    /// The only one that was sent on its connection or on an earlier one, and that it may answer.
    One(String),
    /// It may be any of so many.
    Unclear(usize),
}

/// The questions of a session that are not open, and the approvals that connections have not answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuestionLog {
    /// The resolved questions, the latest last.
    resolved: VecDeque<ResolvedQuestion>,
    /// The approvals, open or not, that were sent on a connection and not answered on it, oldest first.
    unanswered: VecDeque<Unanswered>,
}

/// An approval without an answer.
#[derive(Clone, Debug, PartialEq)]
struct Unanswered {
    id: String,
    /// The connection that it was sent on.
    sent_on: ConnectionId,
    /// The numbers of later connections that have answered it, or one after it: they do not answer it any more. The latest ones.
    passed_on: BTreeSet<u64>,
}

impl OpenQuestion {
    /// The event that asks the question.
    pub(crate) fn event(&self) -> &'static str {
        self.kind.event()
    }
}

impl Resolution {
    /// The value of `resolution` in `question.resolved`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// The predicate of a sentence about the question.
impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "is answered already",
            Self::TimedOut => "has timed out",
            Self::Interrupted => "is over: its turn was interrupted",
            Self::SessionEnded => "is over: its session was ended",
        })
    }
}

impl QuestionLog {
    /// The question is sent on a connection.
    pub(crate) fn show(&mut self, question: &mut OpenQuestion, to: &ConnectionId) {
        if question.shown.contains(to) {
            return;
        }
        question.shown.push(to.clone());
        if question.kind == QuestionKind::Approval {
            if self.unanswered.len() == UNANSWERED_MAX {
                self.unanswered.pop_front();
            }
            self.unanswered.push_back(Unanswered {
                id: question.id.clone(),
                sent_on: to.clone(),
                passed_on: BTreeSet::new(),
            });
        }
    }

    /// The question is open no more.
    pub(crate) fn resolve(&mut self, question: OpenQuestion, resolution: Resolution) {
        if self.resolved.len() == RESOLVED_MAX {
            self.resolved.pop_front();
        }
        self.resolved.push_back(ResolvedQuestion { question, resolution });
    }

    /// The resolved question with an id, if it is remembered.
    pub(crate) fn resolved(&self, id: &str) -> Option<&ResolvedQuestion> {
        self.resolved.iter().rev().find(|resolved| resolved.question.id == id)
    }

    /// A connection has answered the approval with this id.
    pub(crate) fn answered_on(&mut self, connection: &ConnectionId, id: &str) {
        // Who had this very connection is known. Who had an earlier one is not, and may answer on a third.
        self.unanswered.retain(|approval| approval.sent_on != *connection || approval.id != id);
        let earlier =
            self.unanswered.iter_mut().filter(|approval| approval.id == id && approval.sent_on != *connection);
        for approval in earlier {
            if approval.passed_on.len() == PASSED_ON_MAX {
                approval.passed_on.pop_first();
            }
            approval.passed_on.insert(connection.number());
        }
    }

    /// A connection has answered an approval without its id.
    ///
    /// A client answers what it was shown in order and at most once, but an answer may be in transit while other approvals are
    /// sent, and it may be for one that the client was shown on an earlier connection. Which of them that was is not known: a
    /// connection may die without a sign. So the answer is clear only if a single approval was sent on the connection or on
    /// an earlier one, and has no answer from there. If it is not, this connection does not answer the oldest of them any more:
    /// the answer was given to it or to a later one.
    pub(crate) fn answered_without_id(&mut self, connection: &ConnectionId) -> Meant {
        if !self.unanswered.iter().any(|approval| approval.sent_on == *connection) {
            return Meant::None;
        }
        let mut ids: Vec<String> = Vec::new();
        for approval in self.unanswered.iter().filter(|approval| approval.may_be_answered_on(connection)) {
            if !ids.contains(&approval.id) {
                ids.push(approval.id.clone());
            }
        }
        let oldest = ids[0].clone();
        self.answered_on(connection, &oldest);
        if ids.len() == 1 { Meant::One(oldest) } else { Meant::Unclear(ids.len()) }
    }
}

impl Unanswered {
    /// Whether an answer that comes on this connection may be meant for it.
    fn may_be_answered_on(&self, connection: &ConnectionId) -> bool {
        let number = connection.number();
        self.sent_on == *connection || (self.sent_on.number() < number && !self.passed_on.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(id: &str) -> OpenQuestion {
        OpenQuestion { id: id.to_owned(), kind: QuestionKind::Approval, payload: Value::Null, shown: Vec::new() }
    }

    /// An answer without an id counts for the only approval that its connection was sent, whichever is open.
    #[test]
    fn an_answer_without_an_id_is_clear_or_refused() {
        let (desktop, phone) = (ConnectionId::new(1, "desktop"), ConnectionId::new(2, "phone"));
        let mut log = QuestionLog::default();
        assert_eq!(log.answered_without_id(&desktop), Meant::None);
        for id in ["a", "b"] {
            log.show(&mut approval(id), &desktop);
        }
        log.show(&mut approval("b"), &phone);
        // It may have been sent before the client received "b". The next one cannot be meant for "a".
        assert_eq!(log.answered_without_id(&desktop), Meant::Unclear(2));
        assert_eq!(log.answered_without_id(&phone), Meant::One("b".to_owned()));
        assert_eq!(log.answered_without_id(&desktop), Meant::One("b".to_owned()));
        assert_eq!(log.answered_without_id(&desktop), Meant::None);
    }

    /// An answer may be for an approval that its client was shown before it reconnected. Whether the earlier connection is gone, or
    /// belongs to another client, is not known.
    #[test]
    fn an_answer_may_come_from_an_earlier_connection() {
        let [first, second, third] = [1, 2, 3].map(|number| ConnectionId::new(number, "desktop"));
        let mut log = QuestionLog::default();
        log.show(&mut approval("a"), &first);
        assert_eq!(log.answered_without_id(&second), Meant::None);
        log.show(&mut approval("b"), &second);
        assert_eq!(log.answered_without_id(&second), Meant::Unclear(2));
        // The refused answer may have been another client's: that of the first connection may still come on a third.
        let mut answered = log.clone();
        answered.show(&mut approval("b"), &third);
        assert_eq!(answered.answered_without_id(&third), Meant::Unclear(2));
        assert_eq!(log.answered_without_id(&second), Meant::One("b".to_owned()));
        assert_eq!(log.answered_without_id(&first), Meant::One("a".to_owned()));
    }

    /// An approval that is shown again after a reconnect is one, and the next one is clear.
    #[test]
    fn an_approval_shown_on_two_connections_is_one() {
        let (first, second) = (ConnectionId::new(1, "desktop"), ConnectionId::new(2, "desktop"));
        let (mut log, mut asked) = (QuestionLog::default(), approval("a"));
        log.show(&mut asked, &first);
        log.show(&mut asked, &second);
        assert_eq!(log.answered_without_id(&second), Meant::One("a".to_owned()));
        log.show(&mut approval("b"), &second);
        assert_eq!(log.answered_without_id(&second), Meant::One("b".to_owned()));
    }

    /// A question that is sent again on a connection is still one question, and an answer with its id answers it.
    #[test]
    fn a_question_that_is_sent_again_is_one() {
        let desktop = ConnectionId::new(1, "desktop");
        let (mut log, mut asked) = (QuestionLog::default(), approval("a"));
        log.show(&mut asked, &desktop);
        log.show(&mut asked, &desktop);
        assert_eq!(asked.shown, std::slice::from_ref(&desktop));
        log.answered_on(&desktop, "a");
        assert_eq!(log.answered_without_id(&desktop), Meant::None);
    }

    /// The last resolved questions are remembered with their ends.
    #[test]
    fn resolved_questions_are_remembered() {
        let mut log = QuestionLog::default();
        for number in 0..=RESOLVED_MAX {
            log.resolve(approval(&number.to_string()), Resolution::TimedOut);
        }
        assert!(log.resolved("0").is_none());
        assert_eq!(log.resolved("1").map(|resolved| resolved.resolution), Some(Resolution::TimedOut));
    }
}

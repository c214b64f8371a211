//! The questions of a session: the open one, and those of which a client may still send an answer.

use std::collections::VecDeque;
use std::fmt;

use serde_json::Value;

use crate::agent::QuestionKind;
use crate::ids::ConnectionId;

/// How many resolved questions of a session are remembered, so that a late answer is refused with the reason.
const RESOLVED_MAX: usize = 64;

/// How many approvals without an answer are remembered for all connections of a session.
const UNANSWERED_MAX: usize = 64;

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
    /// The only one that was sent on its connection, or on one that the session has lost, and was not answered there.
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
    sent_on: Line,
}

/// The connection that an approval was sent on.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    /// It hears the session.
    Hears(ConnectionId),
    /// The session was given to another one. It may be dead without a sign: its client may be the one that came back there.
    Left(ConnectionId),
    /// It is gone: its client may be back on another one, where the answer comes.
    Gone,
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
            self.unanswered.push_back(Unanswered { id: question.id.clone(), sent_on: Line::Hears(to.clone()) });
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
        self.unanswered.retain(|approval| !approval.is_on(connection) || approval.id != id);
    }

    /// A connection has answered an approval without its id.
    ///
    /// A client answers what it was shown in order and at most once, but an answer may be in transit while other approvals are
    /// sent, and it may be for one that the client was shown before it reconnected. So it is clear only if a single approval was
    /// sent on the connection or on one that the session has lost, and not answered there. If it is not, the oldest of them is
    /// no candidate any more: the answer was given to it or to a later one.
    ///
    /// The approval of a lost connection stays a candidate when it is shown and answered elsewhere, because another client may
    /// have done that. So a client that names no request may have to answer once more after it has reconnected.
    pub(crate) fn answered_without_id(&mut self, connection: &ConnectionId) -> Meant {
        let Some(own) = self.unanswered.iter().find(|approval| approval.is_on(connection)) else { return Meant::None };
        let mut ids: Vec<String> = vec![own.id.clone()];
        for approval in self.unanswered.iter().filter(|approval| approval.may_be_answered_on(connection)) {
            if !ids.contains(&approval.id) {
                ids.push(approval.id.clone());
            }
        }
        if let [id] = &ids[..] {
            self.answered_on(connection, id);
            return Meant::One(id.clone());
        }
        let oldest = self.unanswered.iter().position(|approval| approval.may_be_answered_on(connection));
        oldest.and_then(|place| self.unanswered.remove(place));
        Meant::Unclear(ids.len())
    }

    /// The session has got another connection. Those for which `is_served` is false are gone, and those for which `hears` is
    /// false have lost the session to it.
    pub(crate) fn review(&mut self, is_served: impl Fn(&ConnectionId) -> bool, hears: impl Fn(&ConnectionId) -> bool) {
        let mut gone: Vec<String> = Vec::new();
        self.unanswered.retain_mut(|approval| {
            if let Line::Hears(connection) | Line::Left(connection) = &approval.sent_on
                && is_served(connection)
            {
                let connection = connection.clone();
                approval.sent_on = if hears(&connection) { Line::Hears(connection) } else { Line::Left(connection) };
                return true;
            }
            approval.sent_on = Line::Gone;
            let is_new = !gone.contains(&approval.id);
            gone.push(approval.id.clone());
            is_new
        });
    }
}

impl Unanswered {
    /// Whether it was sent on this connection.
    fn is_on(&self, connection: &ConnectionId) -> bool {
        matches!(&self.sent_on, Line::Hears(on) | Line::Left(on) if on == connection)
    }

    /// Whether an answer that comes on this connection may be meant for it.
    fn may_be_answered_on(&self, connection: &ConnectionId) -> bool {
        match &self.sent_on {
            Line::Hears(on) => on == connection,
            Line::Left(_) | Line::Gone => true,
        }
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

    /// An answer may be for an approval that its client was shown before it reconnected.
    #[test]
    fn an_answer_may_come_from_an_earlier_connection() {
        let (first, second) = (ConnectionId::new(1, "desktop"), ConnectionId::new(2, "desktop"));
        let mut log = QuestionLog::default();
        log.show(&mut approval("a"), &first);
        log.review(|connection| *connection == second, |_| true);
        assert_eq!(log.answered_without_id(&second), Meant::None);
        log.show(&mut approval("b"), &second);
        assert_eq!(log.answered_without_id(&second), Meant::Unclear(2));
        assert_eq!(log.answered_without_id(&second), Meant::One("b".to_owned()));
    }

    /// An earlier connection that lost the session may be dead without a sign. If it is not, it may still answer for itself.
    #[test]
    fn an_answer_may_come_from_a_connection_that_died_without_a_sign() {
        let (first, second) = (ConnectionId::new(1, "desktop"), ConnectionId::new(2, "desktop"));
        let mut log = QuestionLog::default();
        log.show(&mut approval("a"), &first);
        log.review(|_| true, |connection| *connection == second);
        log.show(&mut approval("b"), &second);
        let (mut second_again, mut both_hear) = (log.clone(), log.clone());
        assert_eq!(log.answered_without_id(&second), Meant::Unclear(2));
        assert_eq!(log.answered_without_id(&second), Meant::One("b".to_owned()));
        assert_eq!(second_again.answered_without_id(&first), Meant::One("a".to_owned()));
        assert_eq!(second_again.answered_without_id(&second), Meant::One("b".to_owned()));
        // A connection that hears the session has another client.
        both_hear.review(|_| true, |_| true);
        assert_eq!(both_hear.answered_without_id(&second), Meant::One("b".to_owned()));
    }

    /// An approval that is shown again after a reconnect is one.
    #[test]
    fn an_approval_shown_on_two_connections_is_one() {
        let (first, second) = (ConnectionId::new(1, "desktop"), ConnectionId::new(2, "desktop"));
        let (mut log, mut asked) = (QuestionLog::default(), approval("a"));
        log.show(&mut asked, &first);
        log.review(|connection| *connection == second, |_| true);
        log.show(&mut asked, &second);
        assert_eq!(log.answered_without_id(&second), Meant::One("a".to_owned()));
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

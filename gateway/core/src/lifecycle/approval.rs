//! Leave to run a command: who is asked for it, and for how long.

use crate::agent::QuestionKind;
use crate::clock::Millis;
use crate::group::group;
use crate::record::Record;

group! {
    /// Leave to run a command.
    Approval "approval" {
        /// Which client receives an approval request.
        asked: Asked {
            /// The client of the session whose agent asks.
            Session "session",
            /// The one in a table, keyed by the stored id and filled when the agent is built; an earlier record with
            /// that id that ends late removes the entry of the later one (S12). The end of a session denies what its agent asks for.
            StoredId "stored_id",
        }
        /// What leave to run a command is given for.
        leave: Leave {
            /// The request that the answer names, once. An answer without an id counts only for the one approval that its
            /// connection or an earlier one was sent and has not answered.
            OneRequest "one_request",
            /// Whatever approval is open in the session when the answer arrives, which its client may never have seen
            /// (hermes-agent#82554). Requests have no ids, and the live status does not say that one waits.
            Session "session",
        }
        /// The default of `approval_timeout`.
        wait: Wait {
            /// One minute, then it is denied.
            OneMinute "one_minute",
            /// Five minutes, then it is denied.
            FiveMinutes "five_minutes"
                harmless "it is the default of a setting",
        }
    }
}

impl Approval {
    /// Which client is asked.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// What leave is given for.
    pub fn leave(&self) -> Leave {
        self.leave
    }

    /// The live status of a session, as clients see it.
    pub fn status(&self, record: &Record) -> &'static str {
        let asks_for_leave = record.question.as_ref().is_some_and(|question| question.kind == QuestionKind::Approval);
        match self.leave {
            Leave::Session if asks_for_leave => record.work_status(),
            Leave::OneRequest | Leave::Session => record.status(),
        }
    }

    /// How long the agent waits.
    pub fn wait(&self, configured: Option<Millis>) -> Millis {
        configured.unwrap_or(match self.wait {
            Wait::OneMinute => Millis::from_secs(60),
            Wait::FiveMinutes => Millis::from_secs(300),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Now, Uptime, Wall};
    use crate::record::OpenQuestion;
    use crate::store::StoredId;

    #[test]
    fn clients_are_asked_by_release() {
        assert_eq!(Approval::default().asked(), Asked::Session);
        assert_eq!(Approval { asked: Asked::StoredId, ..Approval::default() }.asked(), Asked::StoredId);
    }

    #[test]
    fn leave_is_given_for_one_request() {
        assert_eq!(Approval::default().leave(), Leave::OneRequest);
        assert_eq!(Approval { leave: Leave::Session, ..Approval::default() }.leave(), Leave::Session);
    }

    /// The status says that a question waits, except leave in the releases whose requests have no ids.
    #[test]
    fn statuses_tell_of_leave_by_release() {
        let status = |leave, kind| {
            let mut record =
                Record::new(StoredId::new("a"), "tui", Now { uptime: Uptime::default(), wall: Wall::default() });
            let (payload, shown) = (serde_json::Value::Null, Vec::new());
            record.question = Some(OpenQuestion { id: "1".to_owned(), kind, payload, shown });
            Approval { leave, ..Approval::default() }.status(&record)
        };
        assert_eq!(status(Leave::OneRequest, QuestionKind::Approval), "waiting");
        assert_eq!(status(Leave::Session, QuestionKind::Approval), "idle");
        assert_eq!(status(Leave::Session, QuestionKind::Clarify), "waiting");
    }

    #[test]
    fn the_setting_outranks_the_release() {
        let wait = |wait, configured| Approval { wait, ..Approval::default() }.wait(configured);
        assert_eq!(wait(Wait::OneMinute, None), Millis::from_secs(60));
        assert_eq!(wait(Wait::FiveMinutes, None), Millis::from_secs(300));
        assert_eq!(wait(Wait::FiveMinutes, Some(Millis(1))), Millis(1));
    }
}

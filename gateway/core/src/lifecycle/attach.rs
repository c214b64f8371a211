//! Who gets a session's events: which requests bind it to the connection they came on.

use crate::group::group;

group! {
    /// Attachment: which client receives a session's events.
    Attach "attach" {
        /// When a prompt attaches the session to its connection.
        prompt: PromptBinds {
            /// When the prompt is accepted.
            OnAcceptance "on_acceptance",
            /// Before the busy check: a refused prompt also takes the session over.
            BeforeBusyCheck "before_busy_check",
        }
        /// Which sessions the end of a connection detaches.
        disconnect: Disconnect {
            /// Those that are still attached to it.
            Rechecked "rechecked",
            /// Those that were attached when its end began, even if another client has attached since (S2).
            Snapshot "snapshot",
        }
        /// What happens to a session that loses its client while the previously attached client is still connected.
        departure: Departure {
            /// It is attached to that client again. Frames of a dying connection may arrive after the client has
            /// reconnected, and must not take the session away.
            GoesBack "goes_back",
            /// It is detached, and reaped although the other client is connected (in all releases here; later ones let
            /// several clients watch a session, spec §13).
            Detaches "detaches",
        }
        /// Whether `session.activate` attaches.
        activate: Activate {
            /// It attaches the session to its connection.
            Binds "binds",
            /// It answers only; events still go to the former client (spec §4.5).
            AnswersOnly "answers_only",
        }
        /// What a request does when its connection has died before the answer.
        dead_connection: DeadConnection {
            /// It leaves the session detached, with a new grace.
            Detaches "detaches",
            /// It attaches the session to the dead connection, which is never detached (related to S19).
            Binds "binds",
        }
    }
}

impl Attach {
    /// Whether a prompt binds before the busy check.
    pub fn prompt_binds_early(&self) -> bool {
        match self.prompt {
            PromptBinds::OnAcceptance => false,
            PromptBinds::BeforeBusyCheck => true,
        }
    }

    /// Whether a session that is attached elsewhere by now is detached all the same.
    pub fn detaches_by_snapshot(&self) -> bool {
        match self.disconnect {
            Disconnect::Rechecked => false,
            Disconnect::Snapshot => true,
        }
    }

    /// Whether a session that loses its client goes back to one that had it before.
    pub fn goes_back(&self) -> bool {
        match self.departure {
            Departure::GoesBack => true,
            Departure::Detaches => false,
        }
    }

    /// Whether a session may be bound to a connection that is no longer served.
    pub fn binds_dead(&self) -> bool {
        match self.dead_connection {
            DeadConnection::Detaches => false,
            DeadConnection::Binds => true,
        }
    }

    /// Whether `session.activate` attaches the session.
    pub fn activate_binds(&self) -> bool {
        match self.activate {
            Activate::Binds => true,
            Activate::AnswersOnly => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each field decides one thing: (`prompt`, `disconnect`, `departure`, `activate`, `dead_connection`).
    #[track_caller]
    fn check(attach: &Attach, expected: [bool; 5]) {
        let decided = [
            attach.prompt_binds_early(),
            attach.detaches_by_snapshot(),
            attach.goes_back(),
            attach.activate_binds(),
            attach.binds_dead(),
        ];
        assert_eq!(decided, expected, "{attach:?}");
    }

    #[test]
    fn fields_decide_one_thing_each() {
        let current = Attach::default;
        check(&current(), [false, false, true, true, false]);
        check(&Attach { prompt: PromptBinds::BeforeBusyCheck, ..current() }, [true, false, true, true, false]);
        check(&Attach { disconnect: Disconnect::Snapshot, ..current() }, [false, true, true, true, false]);
        check(&Attach { departure: Departure::Detaches, ..current() }, [false, false, false, true, false]);
        check(&Attach { activate: Activate::AnswersOnly, ..current() }, [false, false, true, false, false]);
        check(&Attach { dead_connection: DeadConnection::Binds, ..current() }, [false, false, true, true, true]);
    }
}

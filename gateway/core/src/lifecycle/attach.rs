//! Who gets a session's events: which requests bind it to the connection they came on.

use crate::group::group;

group! {
    /// Who gets a session's events.
    Attach "attach" {
        /// When a prompt binds the session to its connection.
        prompt: PromptBinds {
            /// When it is accepted.
            OnAcceptance "on_acceptance",
            /// Before it is known whether it will be: a refused prompt takes the session over too.
            BeforeBusyCheck "before_busy_check",
        }
        /// What the end of a connection does to the sessions it had.
        disconnect: Disconnect {
            /// It detaches those that are still attached to it.
            Rechecked "rechecked",
            /// It detaches those that were when it began, also if another client has them by now (S2).
            Snapshot "snapshot",
        }
        /// Where a session goes that loses its client while another that had it before is still connected.
        departure: Departure {
            /// Back to the other. What a client has sent on a connection that is dying may arrive after it has come back on
            /// a new one, and must not take its session along.
            GoesBack "goes_back",
            /// Nowhere: it is reaped while that client still believes to have it (in all releases here; later ones let
            /// several clients watch a session, spec §13).
            Detaches "detaches",
        }
        /// Whether `session.activate` binds.
        activate: Activate {
            /// It does.
            Binds "binds",
            /// It answers, but the events go where they went (spec §4.5).
            AnswersOnly "answers_only",
        }
        /// What a request does whose connection has died while it was being answered.
        dead_connection: DeadConnection {
            /// It leaves the session without a client, in a grace of its own.
            Detaches "detaches",
            /// It binds the session to the dead connection, which nobody will ever detach (S19's kin).
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

    /// Whether `session.activate` binds.
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

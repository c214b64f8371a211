//! Who gets a session's events: which requests bind it to the connection they came on.

use crate::behavior::group;

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

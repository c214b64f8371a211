//! Who gets a session's events: which requests bind it to the connection they came on.

use crate::group::group;
use crate::record::Audience;

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
        /// Which clients hear a session that several have asked for.
        audience: Hearing {
            /// The one that asked last, or all of them if `fan_out` is set.
            Configured "configured",
            /// The one that asked last, whatever the setting says (in all releases here).
            LatestOnly "latest_only",
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
    /// When a prompt attaches its session.
    pub fn on_prompt(&self) -> PromptBinds {
        self.prompt
    }

    /// Which sessions are detached when a connection ends.
    pub fn on_disconnect(&self) -> Disconnect {
        self.disconnect
    }

    /// What a session does that loses its client.
    pub fn on_departure(&self) -> Departure {
        self.departure
    }

    /// Which clients hear a session.
    pub fn audience(&self, fan_out: bool) -> Audience {
        match (self.audience, fan_out) {
            (Hearing::Configured, true) => Audience::All,
            (Hearing::Configured, false) | (Hearing::LatestOnly, _) => Audience::Latest,
        }
    }

    /// What a request does whose connection is no longer served.
    pub fn on_dead_connection(&self) -> DeadConnection {
        self.dead_connection
    }

    /// What `session.activate` does.
    pub fn on_activate(&self) -> Activate {
        self.activate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_decide_one_thing_each() {
        let decided = |attach: &Attach| {
            let (prompt, activate) = (attach.on_prompt(), attach.on_activate());
            (prompt, attach.on_disconnect(), attach.on_departure(), activate, attach.on_dead_connection())
        };
        let current = (
            PromptBinds::OnAcceptance,
            Disconnect::Rechecked,
            Departure::GoesBack,
            Activate::Binds,
            DeadConnection::Detaches,
        );
        assert_eq!(decided(&Attach::default()), current);
        let other = Attach {
            prompt: PromptBinds::BeforeBusyCheck,
            disconnect: Disconnect::Snapshot,
            departure: Departure::Detaches,
            activate: Activate::AnswersOnly,
            dead_connection: DeadConnection::Binds,
            audience: Hearing::LatestOnly,
        };
        assert_eq!([true, false].map(|fan_out| other.audience(fan_out)), [Audience::Latest; 2]);
        let current = Attach::default();
        assert_eq!([true, false].map(|fan_out| current.audience(fan_out)), [Audience::All, Audience::Latest]);
        let expected = (other.prompt, other.disconnect, other.departure, other.activate, other.dead_connection);
        assert_eq!(decided(&other), expected);
    }
}

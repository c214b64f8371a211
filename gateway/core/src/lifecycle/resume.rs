//! Resuming a session: which row, which live record, in which order.

use crate::group::group;
use crate::record::{Record, SessionStage};
use crate::store::{StoredId, TipRule};

group! {
    /// Bringing a stored session back.
    Resume "resume" {
        /// The row that a resume reaches.
        target: Target {
            /// The newest continuation of the requested row.
            Tip "tip",
            /// Beyond it, the last child with messages that is not a branch, for example a session that another program
            /// started after it (B8).
            AnyChild "any_child",
            /// After each compression the child that started last, which may be a branch (B7).
            LatestStart "latest_start",
            /// The requested row itself, even if a compression has ended it (A9).
            Exact "exact",
        }
        /// Which live record is taken for the requested row.
        live_match: LiveMatch {
            /// The record that writes the row, or is about to.
            Owner "owner",
            /// The record whose agent writes the row; a rotation in progress is missed.
            AgentRow "agent_row",
            /// The record whose session key is the row; the key lags behind a rotation until the turn ends (S23).
            SessionKey "session_key",
        }
        /// The order of reopening the row and registering the record.
        order: Order {
            /// The record first, so that no other request can reopen or end the row meanwhile.
            RegisterThenReopen "register_then_reopen",
            /// The row first: an end in between leaves a live session with an ended row (S6).
            ReopenThenRegister "reopen_then_register",
        }
        /// Which ends a reopening clears.
        reopen: Reopen {
            /// Only that of the chain's tip; a parent keeps its end reason `compression`.
            Tip "tip",
            /// That of the row, whatever the reason (A10).
            Unconditional "unconditional",
        }
        /// What a lazy (read-only) resume does.
        lazy: Lazy {
            /// It reaches the same row as any resume, and the agent is built at the first prompt.
            AsAny "as_any",
            /// It reaches the requested row itself and clears its end, whatever the reason (A10).
            Exact "exact",
            /// The parameter is unknown: the resume is like any other.
            Unknown "unknown"
                harmless "a read-only client gets a session that it could also prompt; nothing is lost",
        }
        /// What `message_count` of a resume's answer counts.
        count: CountedRows {
            /// The messages of the row before the turn that runs.
            Row "row",
            /// Those of earlier rows of its chain too; of a session that was not live, the messages that clients show.
            Chain "chain",
        }
        /// When the agent of a resumed session is built.
        build: Build {
            /// After `build_delay`, as after a creation.
            Deferred "deferred",
            /// Before the answer, which waits for it; so do the answers to all other clients (spec §4.4).
            BeforeAnswer "before_answer"
                harmless "the answer is late but correct: the record owns the row all the time",
        }
        /// When the answer to the resume of a live session is made.
        answer: AnswerMade {
            /// When its client is attached: what happens later reaches the client as an event.
            Attached "attached",
            /// Before a last look at the rows; what happens meanwhile is in neither (codex#47124).
            BeforeLookup "before_lookup",
        }
        /// Where a resume shows the prompt of the turn that runs.
        inflight: Inflight {
            /// In `inflight`, and not among the messages before it.
            Apart "apart",
            /// In both: a client shows it twice.
            Twice "twice",
        }
    }
}

/// What a resume is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// To prompt it; the agent is built in the background.
    Full,
    /// To prompt it, with the agent built before the answer.
    Eager,
    /// To read it; no agent is built.
    Lazy,
}

/// When the agent of a resumed session is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Building {
    /// Before the record is registered.
    First,
    /// Before the answer, after the record is registered.
    Meanwhile,
    /// A little after the answer.
    Later,
    /// With the first prompt.
    AtFirstPrompt,
}

/// What to do with the live record of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLive {
    /// Attach the client to the live session.
    Attach,
    /// It is being opened: wait, then look it up again.
    Wait,
    /// It is being ended: refuse the resume, which may be sent again.
    Reject,
}

impl Resume {
    /// When the answer to the resume of a live session is made.
    pub fn answer(&self) -> AnswerMade {
        self.answer
    }

    /// Whether the messages of a resume end before the turn that runs.
    pub fn cuts_inflight(&self) -> bool {
        match self.inflight {
            Inflight::Apart => true,
            Inflight::Twice => false,
        }
    }

    /// What the release does for a request.
    pub fn service(&self, asked: Service) -> Service {
        match self.lazy {
            Lazy::Unknown if asked == Service::Lazy => Service::Full,
            Lazy::AsAny | Lazy::Exact | Lazy::Unknown => asked,
        }
    }

    /// How the tip is found, or `None` when the row asked for is the target.
    pub fn tip_rule(&self, service: Service) -> Option<TipRule> {
        match self.target {
            _ if self.is_exact(service) => None,
            Target::Tip => Some(TipRule::Continuation),
            Target::AnyChild => Some(TipRule::AnyChild),
            Target::LatestStart => Some(TipRule::StartedAfterEnd),
            Target::Exact => None,
        }
    }

    fn is_exact(&self, service: Service) -> bool {
        match self.lazy {
            Lazy::Exact => service == Service::Lazy,
            Lazy::AsAny | Lazy::Unknown => false,
        }
    }

    /// Whether a live record is the one of the row `target`.
    pub fn is_live(&self, record: &Record, target: &StoredId) -> bool {
        match self.live_match {
            LiveMatch::Owner => record.owns(target),
            LiveMatch::AgentRow => record.agent.row == *target,
            LiveMatch::SessionKey => record.key == *target,
        }
    }

    /// Decides on a live record that was found.
    pub fn on_live(&self, record: &Record) -> OnLive {
        match record.stage {
            SessionStage::Open => OnLive::Attach,
            SessionStage::Opening => OnLive::Wait,
            SessionStage::Closing | SessionStage::Finalized => OnLive::Reject,
        }
    }

    /// The order of reopening the row and registering the record.
    pub fn order(&self) -> Order {
        self.order
    }

    /// When the agent is built.
    pub fn building(&self, service: Service) -> Building {
        match (service, self.build) {
            (Service::Lazy, _) => Building::AtFirstPrompt,
            (Service::Full, Build::Deferred) => Building::Later,
            (Service::Eager, Build::Deferred) => match self.order {
                Order::RegisterThenReopen => Building::Meanwhile,
                Order::ReopenThenRegister => Building::First,
            },
            (Service::Full | Service::Eager, Build::BeforeAnswer) => Building::First,
        }
    }

    /// Which rows `message_count` covers.
    pub fn counted(&self) -> CountedRows {
        self.count
    }

    /// Which ends a reopening clears.
    pub fn reopen(&self, service: Service) -> Reopen {
        if self.is_exact(service) { Reopen::Unconditional } else { self.reopen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, with};

    #[test]
    fn live_records_are_found_by_release() {
        let rotating = with(idle(), |record| {
            record.agent.row = StoredId::new("tip");
            record.agent.next = Some(StoredId::new("next"));
        });
        let finds = |live_match| {
            let resume = Resume { live_match, ..Resume::default() };
            ["row", "tip", "next"].map(|row| resume.is_live(&rotating, &StoredId::new(row)))
        };
        assert_eq!(finds(LiveMatch::Owner), [true, true, true]);
        assert_eq!(finds(LiveMatch::AgentRow), [false, true, false]);
        assert_eq!(finds(LiveMatch::SessionKey), [true, false, false]);
    }

    #[test]
    fn live_records_are_attached_to_when_open() {
        use SessionStage::{Closing, Finalized, Open, Opening};
        let decided = |stage| Resume::default().on_live(&with(idle(), |record| record.stage = stage));
        assert_eq!([Opening, Open].map(decided), [OnLive::Wait, OnLive::Attach]);
        assert_eq!([Closing, Finalized].map(decided), [OnLive::Reject, OnLive::Reject]);
    }

    #[test]
    fn a_resume_leads_to_the_tip() {
        let rule = |target| Resume { target, ..Resume::default() }.tip_rule(Service::Full);
        assert_eq!(rule(Target::Tip), Some(TipRule::Continuation));
        assert_eq!(rule(Target::AnyChild), Some(TipRule::AnyChild));
        assert_eq!(rule(Target::LatestStart), Some(TipRule::StartedAfterEnd));
        assert_eq!(rule(Target::Exact), None);
        let exact = Resume { lazy: Lazy::Exact, ..Resume::default() };
        assert_eq!((exact.tip_rule(Service::Lazy), exact.tip_rule(Service::Full)), (None, Some(TipRule::Continuation)));
        let unknown = Resume { lazy: Lazy::Unknown, ..Resume::default() };
        assert_eq!((unknown.service(Service::Lazy), unknown.service(Service::Eager)), (Service::Full, Service::Eager));
    }

    #[test]
    fn counts_cover_the_row_or_its_chain() {
        for count in [CountedRows::Row, CountedRows::Chain] {
            assert_eq!(Resume { count, ..Resume::default() }.counted(), count);
        }
    }

    #[test]
    fn rows_are_reopened_by_release() {
        let reopened = |resume: &Resume| [Service::Full, Service::Lazy].map(|service| resume.reopen(service));
        assert_eq!(reopened(&Resume::default()), [Reopen::Tip; 2]);
        assert_eq!(reopened(&Resume { lazy: Lazy::Exact, ..Resume::default() }), [Reopen::Tip, Reopen::Unconditional]);
        assert_eq!(
            reopened(&Resume { reopen: Reopen::Unconditional, ..Resume::default() }),
            [Reopen::Unconditional; 2]
        );
        for order in [Order::RegisterThenReopen, Order::ReopenThenRegister] {
            assert_eq!(Resume { order, ..Resume::default() }.order(), order);
        }
    }

    #[track_caller]
    fn check_building(build: Build, order: Order, expected: [Building; 3]) {
        let resume = Resume { build, order, ..Resume::default() };
        let building = [Service::Full, Service::Eager, Service::Lazy].map(|service| resume.building(service));
        assert_eq!(building, expected, "{build:?} {order:?}");
    }

    #[test]
    fn agents_are_built_when_they_are_needed() {
        use Building::{AtFirstPrompt, First, Later, Meanwhile};
        check_building(Build::Deferred, Order::RegisterThenReopen, [Later, Meanwhile, AtFirstPrompt]);
        check_building(Build::Deferred, Order::ReopenThenRegister, [Later, First, AtFirstPrompt]);
        check_building(Build::BeforeAnswer, Order::RegisterThenReopen, [First, First, AtFirstPrompt]);
    }
}

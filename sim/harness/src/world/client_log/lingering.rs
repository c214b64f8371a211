//! Requests on connections that have ended, which the gateway may still carry out: they may take a session from the client that was
//! given it meanwhile.

use std::collections::BTreeMap;

use gateway_core::clock::{Millis, Uptime};

use super::request::{SentRequest, is_attaching};

/// How long after the end of its connection a request may still be carried out.
const LOST: Millis = Millis::from_secs(60);

/// Until when sessions may still be taken.
#[derive(Default)]
pub(super) struct Lingering {
    /// The sessions that were there when a connection ended.
    sessions: BTreeMap<String, Uptime>,
    /// Sessions that came later: a resume names a conversation, which may have another session by then.
    later: Option<Uptime>,
}

impl Lingering {
    /// A connection ends without answers to these requests. Returns which of the `sessions` they may take.
    pub(super) fn lose<'a>(
        &mut self,
        requests: &[&SentRequest],
        sessions: impl Iterator<Item = &'a String>,
        now: Uptime,
    ) -> Vec<String> {
        let until = now + LOST;
        let is_resume = |request: &&SentRequest| request.method == "session.resume";
        let takes = |session: &str, request: &&SentRequest| {
            is_attaching(&request.method) && (is_resume(request) || request.session() == session)
        };
        let taken = sessions.filter(|session| requests.iter().any(|request| takes(session, request)));
        let taken: Vec<String> = taken.cloned().collect();
        self.sessions.extend(taken.iter().map(|session| (session.clone(), until)));
        if requests.iter().any(is_resume) {
            self.later = Some(until);
        }
        taken
    }

    /// Whether none of them may take a session after a request that was sent then.
    pub(super) fn is_over(&self, session: &str, sent_at: Uptime) -> bool {
        let until = [self.sessions.get(session).copied(), self.later];
        until.into_iter().flatten().all(|until| until < sent_at)
    }
}

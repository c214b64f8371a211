//! Requests without an answer whose connection has ended: what they may have used all the same, and when at the latest.

use gateway_core::clock::{Millis, Uptime};

use super::request::{SentRequest, is_use};

/// The requests that may have used a session, oldest first.
#[derive(Default)]
pub(super) struct Unanswered(Vec<Use>);

/// A request that may have used a session.
struct Use {
    target: Target,
    /// When its connection ended, or the network was mended that held it back.
    at: Uptime,
    /// How its frame was on its way.
    passage: Passage,
}

/// What a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A session, by its runtime id.
    Session(String),
    /// The conversation of a row, by the stored id or the title that a resume asks for. No client may have heard of its session.
    Row(String),
}

/// Whether the network carried the frames of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It did: the gateway has the frame soon after it was sent, or never.
    Open,
    /// It was cut or slow: the gateway may have the frame when the network is mended.
    HeldBack,
}

impl Unanswered {
    /// The connection of these requests is about to end. Returns whether any of them may have used a session.
    pub(super) fn note(&mut self, requests: &[&SentRequest], passage: Passage, now: Uptime) -> bool {
        let before = self.0.len();
        let uses = requests.iter().filter(|request| is_use(&request.method));
        self.0.extend(uses.map(|request| Use { target: target(request), at: now, passage }));
        self.0.len() > before
    }

    /// The network carries all frames from now on.
    pub(super) fn mended(&mut self, now: Uptime) {
        for held_back in self.0.iter_mut().filter(|lost| lost.passage == Passage::HeldBack) {
            (held_back.at, held_back.passage) = (now, Passage::Open);
        }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last of them may have been carried out that concerns a session. `transit` is how long after the end of its
    /// connection a request may be under way.
    pub(super) fn last(
        &self,
        transit: impl Fn(Passage) -> Millis,
        concerns: impl Fn(&Target) -> bool,
    ) -> Option<Uptime> {
        let at = |lost: &Use| lost.at + transit(lost.passage);
        self.0.iter().filter(|lost| concerns(&lost.target)).map(at).max()
    }
}

fn target(request: &SentRequest) -> Target {
    let named = request.session().to_owned();
    if request.method == "session.resume" { Target::Row(named) } else { Target::Session(named) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(method: &str, session: &str) -> SentRequest {
        SentRequest {
            number: 1,
            client: "desktop".to_owned(),
            method: method.to_owned(),
            params: json!({"session_id": session}),
            sent_at: Uptime(1),
            questions: 0,
        }
    }

    /// A request concerns what it names and nothing else, and one that was held back is carried out when the network is mended.
    #[test]
    fn uses_are_those_of_what_was_named() {
        let (row, live) = (Target::Row("old".to_owned()), Target::Session("work".to_owned()));
        let mut lost = Unanswered::default();
        assert!(!lost.note(&[&request("session.list", "work")], Passage::Open, Uptime(1)));
        assert!(lost.note(&[&request("session.resume", "old")], Passage::HeldBack, Uptime(2)));
        assert!(lost.note(&[&request("prompt.submit", "work")], Passage::Open, Uptime(3)));
        let transit = |passage| if passage == Passage::HeldBack { Millis(4) } else { Millis::ZERO };
        let last = |lost: &Unanswered, target: &Target| lost.last(transit, |named| named == target);
        assert_eq!([last(&lost, &row), last(&lost, &live)], [Some(Uptime(6)), Some(Uptime(3))]);
        lost.mended(Uptime(9));
        lost.mended(Uptime(10));
        assert_eq!([last(&lost, &row), last(&lost, &live)], [Some(Uptime(9)), Some(Uptime(3))]);
        assert_eq!(lost.last(transit, |named| *named == Target::Row("other".to_owned())), None);
    }
}

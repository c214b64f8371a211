//! What has no place in a scenario, counted.

use std::collections::BTreeMap;

/// Counts by kind and name.
#[derive(Default)]
pub(super) struct Notes {
    counts: BTreeMap<(Kind, String), usize>,
    sentences: Vec<String>,
}

/// A reason for which something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Requests of the interface, which concern no session.
    Interface,
    /// Requests that only read, after the first of their client.
    Repeated,
    /// Requests that this project's gateway does not have.
    UnknownRequest,
    /// Requests and events on sessions that began before the recording.
    UnknownSession,
    /// Requests on stored sessions that the gateway did not find.
    NoSession,
    /// Answers of users to questions that were not seen.
    UnknownQuestion,
    /// Events that say nothing that a scenario holds.
    Event,
    /// Events that this project's gateway does not have.
    UnknownEvent,
    /// Messages that are no JSON-RPC.
    Foreign,
    /// WebSocket connections that are no clients of the gateway.
    OtherConnection,
    /// Turns that no prompt has started.
    OwnTurn,
}

impl Kind {
    fn sentence(self) -> &'static str {
        match self {
            Self::Interface => "requests without a session",
            Self::Repeated => "repeated reads",
            Self::UnknownRequest => "requests that no step has",
            Self::UnknownSession => "on sessions that began before the recording",
            Self::NoSession => "on stored sessions that do not exist",
            Self::UnknownQuestion => "answers to questions that were not seen",
            Self::Event => "events that no turn step makes",
            Self::UnknownEvent => "events that are unknown here",
            Self::Foreign => "messages that are no JSON-RPC",
            Self::OtherConnection => "WebSockets beside the gateway's",
            Self::OwnTurn => "turns that no prompt has started",
        }
    }
}

impl Notes {
    pub(super) fn count(&mut self, kind: Kind, name: impl Into<String>) {
        *self.counts.entry((kind, name.into())).or_default() += 1;
    }

    pub(super) fn say(&mut self, sentence: impl Into<String>) {
        self.sentences.push(sentence.into());
    }

    /// The sentences, then a line for each kind: `repeated reads: 40 session.active_list`.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut kinds: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for ((kind, name), count) in &self.counts {
            kinds.entry(*kind).or_default().push(format!("{count} {}", plain(name)));
        }
        let counted = kinds.iter().map(|(kind, names)| format!("{}: {}", kind.sentence(), names.join(", ")));
        self.sentences.iter().cloned().chain(counted).collect()
    }
}

/// A name as part of a comment: on one line, and not longer than that.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

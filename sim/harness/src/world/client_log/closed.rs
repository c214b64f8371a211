//! The sessions that the gateway has answered are closed, and events of them that it sends after that.

use std::collections::BTreeMap;

use serde_json::Value;

use super::request::SentRequest;

/// Whether a line to a client had room for each frame at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HadRoom {
    /// It always had.
    Always,
    /// Frames may have waited.
    NotAlways,
}

/// The closed sessions, by runtime id, with the client that has the answer.
#[derive(Default)]
pub(super) struct Closed(BTreeMap<String, String>);

impl Closed {
    /// The gateway puts a frame on the line of a client. `request` gives the client's request with a number. Returns the session
    /// if the frame is an event of one that is closed. Frames of another line than that of the answer may have waited since
    /// before it, unless the line had room for them at once.
    pub(super) fn sent<'a>(
        &mut self,
        client: &str,
        frame: &str,
        had_room: HadRoom,
        request: impl FnOnce(u64) -> Option<&'a SentRequest>,
    ) -> Option<String> {
        if self.0.is_empty() && !frame.contains("\"closed\":true") {
            return None;
        }
        let frame: Value = serde_json::from_str(frame).ok()?;
        let Some(number) = frame["id"].as_u64() else {
            let session = frame["params"]["session_id"].as_str()?;
            let closer = self.0.get(session)?;
            return (closer == client || had_room == HadRoom::Always).then(|| session.to_owned());
        };
        let closes = |request: &&SentRequest| request.method == "session.close" && frame["result"]["closed"] == true;
        if let Some(request) = request(number).filter(closes) {
            self.0.insert(request.session().to_owned(), client.to_owned());
        }
        None
    }
}

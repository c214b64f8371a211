//! The questions that clients receive, and what they answer.

use gateway_core::agent::QuestionKind;
use gateway_core::clock::Uptime;
use serde_json::Value;

use super::request::SentRequest;
use super::{Inner, Receipt, ReceivedQuestion, screen};
use crate::footprint::Resource;

impl Inner {
    /// Records that a client has received a question.
    pub(super) fn ask(&mut self, client: &str, session: &str, kind: &str, payload: &Value, at: Uptime) {
        self.revision += 1;
        self.note_change(session);
        self.screens.open(client, session, &screen::key(kind, payload), self.revision);
        self.receipts.push(Receipt {
            client: client.to_owned(),
            session: session.to_owned(),
            kind: kind.to_owned(),
            payload: payload.clone(),
            at,
            revision: self.revision,
        });
        self.footprints.write(|| Resource::Questions(session.to_owned()));
        if let Some(id) = payload["request_id"].as_str() {
            let (session, kind, payload) = (session.to_owned(), kind.to_owned(), payload.clone());
            self.questions.insert(id.to_owned(), ReceivedQuestion { session, kind, payload });
        }
    }

    /// Records the accepted answer to a question, which names the question by its id or by its session.
    pub(super) fn took_answer(&mut self, request: &SentRequest) {
        let session = self.answered_session(request);
        self.changes_screen(&session);
        self.screens.close_unnamed(&session, request.questions);
        let text = request.params["answer"].as_str().or_else(|| request.params["choice"].as_str());
        if let Some(text) = text {
            self.session(&session).answers.push(text.to_owned());
        }
    }

    /// The session whose question a request answers.
    pub(super) fn answered_session(&self, request: &SentRequest) -> String {
        let named = request.params["request_id"].as_str();
        let asked = named.and_then(|id| self.questions.get(id));
        asked.map_or(request.session(), |asked| &asked.session).to_owned()
    }

    /// Records that a client shows a question no more that it has answered by its id, whether the answer was refused or not; or
    /// the approvals of a session, if an answer without an id was accepted.
    pub(super) fn closes_dialog(&mut self, client: &str, request: &SentRequest, is_accepted: bool) {
        // A refused one has answered nothing.
        self.responses.retain(|sent| is_accepted || (&sent.client, sent.number) != (&request.client, request.number));
        let session = self.answered_session(request);
        let keys = match request.params["request_id"].as_str() {
            // Another session's dialog has not sent this.
            Some(_) if !["", &session].contains(&request.session()) => return,
            Some(id) => vec![id.to_owned()],
            None if !is_accepted => return,
            None => {
                let screen = self.screens.of(client, &session);
                let is_approval = |key: &&String| {
                    self.questions.get(*key).is_some_and(|asked| asked.kind == QuestionKind::Approval.event())
                };
                screen.into_iter().flat_map(|screen| screen.dialogs.keys()).filter(is_approval).cloned().collect()
            }
        };
        let closed: Vec<bool> = keys.iter().map(|key| self.screens.close(client, &session, key)).collect();
        if closed.contains(&true) {
            self.changes_screen(&session);
        }
    }
}

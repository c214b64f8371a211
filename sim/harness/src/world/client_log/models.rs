//! The models that clients asked for when they created or resumed sessions.

use std::collections::BTreeSet;

use gateway_core::clock::Uptime;
use gateway_core::store::StoredId;
use serde_json::Value;

use super::request::SentRequest;

/// The requests about models, in the order in which they were sent.
#[derive(Default)]
pub(crate) struct Models {
    requests: Vec<ModelRequest>,
    /// Counts requests and answers.
    moment: u64,
}

/// A request that creates a session, or that resumes one and asks for a model.
pub(crate) struct ModelRequest {
    /// The model asked for; `None`: a new session gets that of the settings.
    pub(crate) model: Option<String>,
    /// Whether it resumes a session.
    resumes: bool,
    number: u64,
    client: String,
    sent: u64,
    pub(crate) sent_at: Uptime,
    /// The row in the successful answer, and the moment of the answer.
    answered: Option<(StoredId, u64)>,
}

impl Models {
    /// Records a request.
    pub(super) fn sent(&mut self, request: &SentRequest) {
        let model = request.params["model"].as_str().map(str::to_owned);
        let concerns = match request.method.as_str() {
            "session.create" => true,
            "session.resume" => model.is_some(),
            _ => false,
        };
        if concerns {
            self.moment += 1;
            let (number, client, sent) = (request.number, request.client.clone(), self.moment);
            let resumes = request.method == "session.resume";
            let sent_at = request.sent_at;
            self.requests.push(ModelRequest { model, resumes, number, client, sent, sent_at, answered: None });
        }
    }

    /// Records a successful answer.
    pub(super) fn answered(&mut self, request: &SentRequest, result: &Value) {
        let is_it = |known: &&mut ModelRequest| known.number == request.number && known.client == request.client;
        let Some(known) = self.requests.iter_mut().find(is_it) else { return };
        let row = result["stored_session_id"].as_str().or_else(|| result["session_key"].as_str());
        self.moment += 1;
        known.answered = row.map(|row| (StoredId::new(row), self.moment));
    }

    /// The requests whose answer named a row for which `is_of` holds.
    pub(crate) fn about(&self, is_of: impl Fn(&StoredId) -> bool) -> Vec<&ModelRequest> {
        let is_about = |request: &&ModelRequest| request.answered.as_ref().is_some_and(|(row, _)| is_of(row));
        self.requests.iter().filter(is_about).collect()
    }

    /// Whether a client has asked for this model when it resumed some session.
    pub(crate) fn is_asked(&self, model: &str) -> bool {
        let mut resumes = self.requests.iter().filter(|request| request.resumes);
        resumes.any(|request| request.model.as_deref() == Some(model))
    }

    /// The models of requests without a successful answer: any conversation may have them.
    pub(crate) fn in_doubt(&self) -> BTreeSet<&str> {
        let unanswered = self.requests.iter().filter(|request| request.answered.is_none());
        unanswered.filter_map(|request| request.model.as_deref()).collect()
    }
}

impl ModelRequest {
    /// Whether another of these requests was sent after the answer to this one.
    pub(crate) fn is_superseded(&self, others: &[&Self]) -> bool {
        self.answered.as_ref().is_some_and(|(_, answered)| others.iter().any(|other| other.sent > *answered))
    }
}

//! `session.create`: registers a session, which has no row yet. One that begins with messages is a *draft*.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::room_for_session;
use super::title::refused;
use crate::entropy::Stream;
use crate::lifecycle::lineage::Draft;
use crate::lifecycle::title::{self, BadTitle};
use crate::record::{Record, Transcript};
use crate::rpc::Error;
use crate::state::{Gateway, Link};
use crate::store::{NewMessage, Role, StoredId};
use crate::work::opening;

/// Parameters. Unknown ones, such as `cols`, are ignored.
#[derive(Deserialize)]
pub(super) struct Create {
    title: Option<String>,
    cwd: Option<String>,
    source: Option<String>,
    model: Option<String>,
    #[serde(default)]
    close_on_disconnect: bool,
    /// The conversation so far, of the session that this one is a branch of or of any other.
    #[serde(default)]
    messages: Vec<Said>,
    parent_session_id: Option<StoredId>,
}

/// A message that the session begins with.
#[derive(Deserialize)]
struct Said {
    role: Role,
    #[serde(alias = "text")]
    content: String,
}

/// Registers a session, attaches it to the connection, and starts the build of its agent a little later.
pub(super) fn create(gateway: &Rc<Gateway>, link: &Link, params: Create) -> Result<Value, Error> {
    let title = match params.title.as_deref().map(title::tidy) {
        None | Some(Err(BadTitle::Empty)) => None,
        Some(Ok(title)) => Some(title),
        Some(Err(bad @ BadTitle::TooLong)) => return Err(refused(bad)),
    };
    room_for_session(gateway, link)?;
    let now = gateway.env.now();
    let key = gateway.new_row(now.wall, Stream::Client(link.connection.name()));
    let lineage = &gateway.behavior.lineage;
    let source = lineage.source(params.source, &gateway.config.source);
    let mut record = Record::new(key, &source, now);
    record.details.cwd = params.cwd;
    record.details.model = lineage.model(params.model);
    record.details.pending_title = title;
    record.details.close_on_disconnect = params.close_on_disconnect;
    record.details.branch_of = lineage.draft_of(params.parent_session_id);
    let text = |said: Said| match said.role {
        Role::Assistant => gateway.behavior.provider.said(said.content),
        Role::User | Role::Tool => said.content,
    };
    let said = params.messages.into_iter().map(|said| NewMessage::text(said.role, text(said), now.wall));
    record.transcript = Transcript::stored(said.collect());
    record.transcript.draft = match lineage.draft(record.details.branch_of.as_ref()) {
        Draft::WithPrompt | Draft::OneByOne => record.transcript.messages.len(),
        Draft::NotStored => 0,
    };
    let session = opening::register(gateway, link, record, None);
    opening::complete(gateway, &session);
    Ok(session.read(|record| {
        json!({
            "session_id": session.id().as_str(),
            "stored_session_id": record.key.as_str(),
            "message_count": record.transcript.messages.len(),
            "messages": record.transcript.shown(),
            "info": record.info(&gateway.config.model),
        })
    }))
}

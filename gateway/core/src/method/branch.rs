//! `session.branch`: a new session that begins with the conversation of another.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;

use super::session::{self, room_for_session};
use crate::actor::Actor;
use crate::clock::Now;
use crate::ends::finalize;
use crate::entropy::Stream;
use crate::legacy;
use crate::lifecycle::history;
use crate::lifecycle::lineage::{Branching, Draft};
use crate::lifecycle::title::{self, BadTitle};
use crate::record::{Record, SessionStage, Transcript};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};
use crate::storage::reconcile;
use crate::store::{BranchTitle, NewMessage, NewSession, StoreError};
use crate::work::opening;

#[derive(Deserialize)]
pub(super) struct Branch {
    session_id: String,
    name: Option<String>,
}

/// Registers a session with a copy of the conversation of another, which stays as it is.
pub(super) async fn branch(gateway: &Rc<Gateway>, link: &Link, params: Branch) -> Result<Value, Error> {
    let parent = session::find(gateway, &params.session_id)?;
    let title = asked_title(params.name)?;
    let copying = gateway.copies.acquire().await.ok();
    room_for_session(gateway, link)?;
    let now = gateway.env.now();
    let said = parent.read(|record| {
        let settled = &record.transcript.messages[..history::settled(record)];
        gateway.behavior.provider.branched(settled).to_vec()
    });
    if said.is_empty()
        || parent.read(|record| gateway.behavior.lineage.waiting_draft(record)) == Some(Draft::WithPrompt)
    {
        return Err(Error::new(
            code::NOTHING_TO_BRANCH,
            "nothing to branch: the conversation is empty, or not stored yet",
        ));
    }
    let key = gateway.new_row(now.wall, Stream::Session(parent.id()));
    let from = parent.read(|record| record.key.clone());
    let child = NewSession {
        id: key.clone(),
        source: parent.read(|record| record.details.source.clone()),
        model: Some(parent.read(|record| record.model(&gateway.config.model).to_owned())),
        parent: Some(from.clone()),
        branched_from: Some(from),
        started_at: now.wall,
        cwd: parent.read(|record| record.details.cwd.clone()),
        title: None,
    };
    let record = record_of(&child, said, now);
    let session = match gateway.behavior.lineage.branching() {
        Branching::OneTransaction => register_then_write(gateway, link, (child, title), record, copying).await?,
        Branching::RowThenMessages => legacy::branch::write_then_register(gateway, link, child, title, record).await?,
    };
    let row = gateway.rows.session(key.clone()).await.ok().flatten();
    Ok(json!({
        "session_id": session.id().as_str(),
        "stored_session_id": key.as_str(),
        "title": row.and_then(|row| row.title).unwrap_or_default(),
        "parent": parent.read(|record| record.key.to_string()),
    }))
}

fn asked_title(name: Option<String>) -> Result<BranchTitle, Error> {
    match name.as_deref().map(title::tidy) {
        None | Some(Err(BadTitle::Empty)) => Ok(BranchTitle::Next),
        Some(Ok(title)) => Ok(BranchTitle::Asked(title)),
        Some(Err(BadTitle::TooLong)) => Err(Error::new(code::BAD_TITLE, "a title has 100 characters at the most")),
    }
}

/// Registers the record before its row is written, so that the row is never an orphan.
async fn register_then_write(
    gateway: &Rc<Gateway>,
    link: &Link,
    (child, title): (NewSession, BranchTitle),
    mut record: Record,
    copying: Option<SemaphorePermit<'_>>,
) -> Result<Session, Error> {
    let said = record.transcript.messages.clone();
    record.stage = SessionStage::Opening;
    let session = opening::register(gateway, link, record, None);
    let row = child.id.clone();
    let written = gateway.rows.branch(child, title, said).await;
    let written = reconcile::outcome(gateway, written, || gateway.rows.session(row.clone()), Option::is_some).await;
    drop(copying);
    session.change(|record| record.stage = SessionStage::Open);
    if let Err(error) = written {
        finalize::end(gateway, &session, Actor::Client).await;
        return Err(failed(error));
    }
    opening::complete(gateway, &session);
    Ok(session)
}

fn record_of(child: &NewSession, said: Vec<NewMessage>, now: Now) -> Record {
    let mut record = Record::new(child.id.clone(), &child.source, now);
    record.details.cwd = child.cwd.clone();
    record.details.model = child.model.clone();
    record.transcript = Transcript::stored(said);
    record
}

fn failed(error: StoreError) -> Error {
    match error {
        StoreError::TitleTaken => Error::new(code::BAD_TITLE, "another session has this title"),
        other => Error::new(code::BRANCH_FAILED, format!("branch failed: {other}")),
    }
}

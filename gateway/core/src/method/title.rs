//! `session.title`: reads or sets a title.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session;
use crate::legacy;
use crate::lifecycle::lineage::Draft;
use crate::lifecycle::title::{self, BadTitle, Get, Unsaved};
use crate::record::SessionStage;
use crate::rpc::{Error, code};
use crate::state::{Gateway, Session};
use crate::storage::reconcile;
use crate::store::{NewSession, SessionRow, StoreError, StoredId};
use crate::work::prompt;

#[derive(Deserialize)]
pub(super) struct Title {
    session_id: String,
    title: Option<String>,
}

/// Sets the title, if there is one in the request, and answers it.
pub(super) async fn title(gateway: &Rc<Gateway>, params: Title) -> Result<Value, Error> {
    let session = session::find(gateway, &params.session_id)?;
    match params.title {
        None => get(gateway, &session).await,
        Some(asked) => {
            let title = title::tidy(&asked).map_err(refused)?;
            set(gateway, &session, title).await
        }
    }
}

/// The refusal of a title that cannot be given.
pub(super) fn refused(bad: BadTitle) -> Error {
    match bad {
        BadTitle::Empty => Error::new(code::TITLE_REQUIRED, "title required"),
        BadTitle::TooLong => Error::new(code::BAD_TITLE, "a title has 100 characters at the most"),
    }
}

async fn get(gateway: &Gateway, session: &Session) -> Result<Value, Error> {
    let (key, row) = row(gateway, session).await?;
    let waiting = session.read(|record| record.details.pending_title.clone());
    let stored = row.as_ref().and_then(|row| row.title.clone());
    if let (Some(row), None, Some(waiting)) = (&row, &stored, &waiting)
        && gateway.behavior.title.on_get() == Get::AppliesPending
        && gateway.rows.set_title(row.id.clone(), waiting.clone()).await.is_ok()
    {
        session.change(|record| record.details.pending_title = None);
    }
    let title = stored.or(waiting).unwrap_or_default();
    Ok(json!({"title": title, "session_key": key.as_str()}))
}

async fn set(gateway: &Gateway, session: &Session, title: String) -> Result<Value, Error> {
    // The row of a draft is inserted with its messages at its first prompt.
    let waits = session.read(|record| gateway.behavior.lineage.waiting_draft(record)) == Some(Draft::WithPrompt);
    if waits || gateway.behavior.title.on_unsaved() == Unsaved::Waits {
        // Noted before the call: a prompt that inserts the row meanwhile takes the title along.
        let (key, before) =
            session.change(|record| (record.key.clone(), record.details.pending_title.replace(title.clone())));
        let set = gateway.rows.set_title(key, title.clone()).await;
        let pending = matches!(set, Ok(false));
        session.change(|record| {
            // A later title stands.
            if !pending && record.details.pending_title.as_ref() == Some(&title) {
                record.details.pending_title = if set.is_err() { before } else { None };
            }
        });
        set.map_err(failed)?;
        return Ok(json!({"pending": pending, "title": title}));
    }
    // The write of a rotation under way comes first: the title would be set on the row that it ends (B17).
    session.until(|record| record.agent.next.is_none().then_some(())).await;
    if session.read(|record| matches!(record.stage, SessionStage::Closing | SessionStage::Finalized)) {
        return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed, retry"));
    }
    // Called in the step that has found the session open: a later end ends the row that this inserts.
    let now = gateway.env.now();
    let row = session.read(|record| {
        let id = legacy::title::titled_row(gateway, record);
        NewSession { id, ..prompt::row_of(gateway, record, now) }
    });
    let id = row.id.clone();
    let named = gateway.rows.name_session(row, title.clone()).await;
    let shows = |row: &Option<SessionRow>| row.as_ref().is_some_and(|row| row.title.as_ref() == Some(&title));
    reconcile::outcome(gateway, named, || gateway.rows.session(id.clone()), shows).await.map_err(failed)?;
    session.change(|record| record.details.pending_title = None);
    Ok(json!({"pending": false, "title": title}))
}

/// The row of the session. A rotation may give the session another one during the lookup; then that one is read.
async fn row(gateway: &Gateway, session: &Session) -> Result<(StoredId, Option<SessionRow>), Error> {
    let key = || session.read(|record| record.key.clone());
    loop {
        let asked = key();
        let row = gateway.rows.session(asked.clone()).await.map_err(failed)?;
        if key() == asked {
            return Ok((asked, row));
        }
    }
}

fn failed(error: StoreError) -> Error {
    match error {
        StoreError::TitleTaken => Error::new(code::BAD_TITLE, "another session has this title"),
        other => Error::new(code::TITLE_FAILED, format!("title failed: {other}")),
    }
}

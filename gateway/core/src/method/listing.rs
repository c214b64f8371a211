//! `session.active_list`, `session.list` and `session.most_recent`.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::record::SessionStage;
use crate::rpc::{Error, code};
use crate::state::{Gateway, Session};
use crate::store::{ListedRow, Role};

#[derive(Deserialize)]
pub(super) struct ActiveList {
    current_session_id: Option<String>,
}

/// The live sessions, in the order in which they were registered.
pub(super) async fn active(gateway: &Rc<Gateway>, params: &ActiveList) -> Result<Value, Error> {
    let mut titles = BTreeMap::new();
    for session in gateway.sessions.all() {
        let (row, waiting) = session.read(|record| (record.agent.row.clone(), record.details.pending_title.clone()));
        // A title that cannot be read is left out: the list is still right about which sessions are live.
        let stored = gateway.rows.session(row).await.ok().flatten().and_then(|row| row.title);
        titles.insert(session.id().clone(), stored.or(waiting).unwrap_or_default());
    }
    let current = params.current_session_id.as_deref();
    // Listed again: some may have been registered or ended while the titles were read.
    let live = gateway.sessions.all();
    let shown = live.iter().filter(|session| session.read(|record| record.stage != SessionStage::Finalized));
    let title = |session: &Session| titles.get(session.id()).map_or("", String::as_str);
    let sessions: Vec<Value> = shown.map(|session| entry(gateway, session, title(session), current)).collect();
    Ok(json!({"sessions": sessions}))
}

fn entry(gateway: &Gateway, session: &Session, title: &str, current: Option<&str>) -> Value {
    session.read(|record| {
        let prompt = record.transcript.messages.iter().find(|message| message.role == Role::User);
        let preview: String =
            prompt.and_then(|message| message.content.as_deref()).unwrap_or("").chars().take(160).collect();
        json!({
            "id": session.id().as_str(),
            "session_key": record.key.as_str(),
            "title": title,
            "preview": preview,
            "model": record.model(&gateway.config.model),
            "message_count": record.transcript.messages.len(),
            "started_at": record.details.started_at.as_seconds(),
            "last_active": record.details.last_active.wall.as_seconds(),
            "status": gateway.behavior.approval.status(record),
            "current": current == Some(session.id().as_str()),
        })
    })
}

#[derive(Deserialize)]
pub(super) struct List {
    limit: Option<u32>,
}

/// The stored sessions, a compressed chain as its tip.
pub(super) async fn stored(gateway: &Rc<Gateway>, params: &List) -> Result<Value, Error> {
    let rows = list(gateway, params.limit.unwrap_or(200)).await?;
    Ok(json!({"sessions": rows.iter().map(listed).collect::<Vec<_>>()}))
}

/// The first of the stored sessions; no ids when there is none.
pub(super) async fn most_recent(gateway: &Rc<Gateway>) -> Result<Value, Error> {
    let rows = list(gateway, 1).await?;
    Ok(match rows.first() {
        None => json!({"session_id": null}),
        Some(ListedRow { row, .. }) => json!({
            "session_id": row.id.as_str(),
            "title": row.title.as_deref().unwrap_or(""),
            "started_at": row.started_at.as_seconds(),
            "source": row.source,
        }),
    })
}

async fn list(gateway: &Gateway, limit: u32) -> Result<Vec<ListedRow>, Error> {
    let list = &gateway.behavior.list;
    let rows = gateway.rows.list(limit, list.order(), list.tip_rule()).await;
    rows.map_err(|error| Error::new(code::LIST_FAILED, format!("cannot list sessions: {error}")))
}

fn listed(ListedRow { row, preview, last_active }: &ListedRow) -> Value {
    json!({
        "id": row.id.as_str(),
        "title": row.title.as_deref().unwrap_or(""),
        "preview": preview.as_deref().unwrap_or(""),
        "started_at": row.started_at.as_seconds(),
        "last_active": last_active.as_seconds(),
        "message_count": row.message_count,
        "source": row.source,
    })
}

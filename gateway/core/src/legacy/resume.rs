//! How old releases reopen a session: the row first, then the record (S6).

use std::rc::Rc;

use crate::ends::idle;
use crate::legacy::windows;
use crate::lifecycle::close::RowEnd;
use crate::lifecycle::resume::Service;
use crate::record::{AgentState, Record, shown};
use crate::rpc::Error;
use crate::spawn::Window;
use crate::state::{Gateway, Link};
use crate::store::{EndReason, SessionRow, StoredId};
use crate::work::opening::{self, Opened};
use crate::work::turn;

/// Reopens the row `target`, loads it, and registers its record, unless another request has done so meanwhile. `asked` is the
/// row that the client named.
pub(crate) async fn reopen_then_register(
    gateway: &Rc<Gateway>,
    link: &Link,
    target: &StoredId,
    asked: &SessionRow,
    service: Service,
) -> Result<Opened, Error> {
    let tip = opening::reopen(gateway, target, service).await.map_err(opening::failed)?;
    if tip != *target {
        return Ok(Opened::MovedOn(tip));
    }
    windows::pass(gateway, Window::ReopenedNotRegistered).await;
    let mut loaded = opening::load(gateway, target, service).await?;
    opening::close_calls(gateway, target, &mut loaded).await;
    let _lock = gateway.resume_lock.lock().await;
    if let Some(session) = opening::live(gateway, target) {
        if loaded.agent.is_some() && gateway.behavior.close.on_agent_close() == RowEnd::End {
            // The agent that is not needed ends the row when it is closed (S32); errors are only logged.
            let _ = gateway.rows.end(target.clone(), gateway.env.now().wall, EndReason::AgentClose).await;
        }
        opening::attach(gateway, &session, link);
        return Ok(Opened::Live(session));
    }
    let source = gateway.behavior.lineage.resumed_source(&asked.source, &gateway.config.source);
    let mut record = Record::new(target.clone(), source, gateway.env.now());
    record.details.started_at = asked.started_at;
    record.details.model = gateway.behavior.lineage.resumed_model(asked.model.clone());
    record.details.earlier = loaded.displayed.len().saturating_sub(loaded.transcript.messages.len());
    record.transcript = loaded.transcript;
    record.queue = loaded.waiting;
    let is_built = loaded.agent.is_some();
    if is_built {
        record.agent.state = AgentState::Ready;
    }
    let session = opening::register(gateway, link, record, loaded.agent);
    match is_built {
        true => gateway.approvals.enter(&session),
        false => opening::build_agent(gateway, &session, service).await,
    }
    turn::carry_on(gateway, &session);
    idle::cap_later(gateway);
    Ok(Opened::Brought { session, shown: shown(&loaded.displayed).len() })
}

//! How old releases branch a session: statement by statement, then the record (A35).

use std::rc::Rc;

use crate::ends::idle;
use crate::record::{AgentState, Record};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};
use crate::store::{BranchTitle, NewMessage, NewSession};
use crate::work::opening;

/// Inserts the row, appends the texts of the record's messages one by one, sets the title, builds the agent, and registers
/// the record. A failure leaves what was written.
pub(crate) async fn write_then_register(
    gateway: &Rc<Gateway>,
    link: &Link,
    child: NewSession,
    title: BranchTitle,
    mut record: Record,
) -> Result<Session, Error> {
    for message in &mut record.transcript.messages {
        *message = text_alone(message);
    }
    let (first, asked) = match title {
        BranchTitle::Asked(title) => (BranchTitle::None, Some(title)),
        next => (next, None),
    };
    let failed = |error| Error::new(code::BRANCH_FAILED, format!("branch failed: {error}"));
    gateway.rows.branch(child.clone(), first, Vec::new()).await.map_err(failed)?;
    for message in &record.transcript.messages {
        gateway.rows.append(child.id.clone(), vec![message.clone()]).await.map_err(failed)?;
    }
    if let Some(title) = asked {
        gateway.rows.set_title(child.id.clone(), title).await.map_err(failed)?;
    }
    let agent = opening::build_now(gateway).await?;
    record.agent.state = AgentState::Ready;
    let session = opening::register(gateway, link, record, Some(agent));
    gateway.approvals.enter(&session);
    idle::cap_later(gateway);
    Ok(session)
}

/// The message without its tool calls.
fn text_alone(message: &NewMessage) -> NewMessage {
    NewMessage { tool_call_id: None, tool_calls: None, tool_name: None, ..message.clone() }
}

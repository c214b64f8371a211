//! How old releases admit a prompt: in several steps, between which other tasks run.

use std::rc::Rc;

use crate::legacy::windows;
use crate::lifecycle::claim::{Admission, FirstWrite};
use crate::lifecycle::lineage::Draft;
use crate::spawn::{TaskName, TaskRole, Window};
use crate::state::{Gateway, Session};
use crate::store::{NewSession, StoreError, StoredId};

/// Decides on a prompt, and claims the session in a later step: a second prompt in between is admitted too (S15).
pub(crate) async fn claim_later(gateway: &Gateway, session: &Session, text: &str) -> Admission {
    let mode = gateway.config.busy_input_mode;
    let decision = session.read(|record| gateway.behavior.claim.admit(record, mode));
    if decision != Admission::Start {
        return decision;
    }
    windows::pass(gateway, Window::TestedNotClaimed).await;
    session.change_with(|record, handles| handles.claim(record, text, gateway.env.now()));
    decision
}

/// Starts a task that interrupts the turn that runs then, which may be that of the prompt itself (S16).
pub(crate) fn interrupt_later(gateway: &Rc<Gateway>, session: &Session) {
    let (late, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), TaskRole::Interrupt), async move {
        windows::pass(&late, Window::InterruptOnItsWay).await;
        session.interrupt();
    });
}

/// Inserts the row without the prompt (S8), and the messages of a draft without either (A34) if the release does. These
/// releases ignore errors here.
pub(crate) async fn insert_apart(gateway: &Gateway, session: &Session, row: &NewSession) {
    let row_alone = gateway.behavior.claim.first_write() == FirstWrite::RowAlone;
    let draft_apart = session.read(|record| gateway.behavior.lineage.waiting_draft(record)) == Some(Draft::OneByOne);
    if row_alone {
        windows::pass(gateway, Window::ClaimedNotInserted).await;
    }
    if row_alone || draft_apart {
        let _ = gateway.rows.create_session(row.clone()).await;
    }
    if draft_apart {
        let _ = append_draft(gateway, session, &row.id).await;
    }
}

/// Stores the messages of a draft, each in a transaction of its own. They count as stored only after the last (A34).
async fn append_draft(gateway: &Gateway, session: &Session, row: &StoredId) -> Result<(), StoreError> {
    for message in session.read(|record| record.transcript.messages[..record.transcript.draft].to_vec()) {
        gateway.rows.append(row.clone(), vec![message]).await?;
    }
    session.change(|record| record.transcript.draft = 0);
    Ok(())
}

//! Reviews: after a turn, a fork of the agent reviews it in the background and reports what it has found (spec §5).
//!
//! A review does not hold its session: a prompt that comes meanwhile has its turn.

use std::rc::Rc;

use serde_json::json;

use crate::agent::{Interrupt, Turn, TurnEvent};
use crate::legacy::rotation;
use crate::lifecycle::review::Fork;
use crate::record::SessionStage;
use crate::spawn::{TaskName, TaskRole};
use crate::state::{Gateway, Session};
use crate::store::{NewMessage, Role};

/// Starts a review of the session's last turn, unless the session is being ended.
pub(crate) fn start(gateway: &Rc<Gateway>, session: &Session, fork: Box<dyn Turn>) {
    if session.read(|record| record.stage != SessionStage::Open) {
        return;
    }
    let (reviewing, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), TaskRole::Review), async move {
        let ends = reviewing.behavior.review.fork() == Fork::Reads;
        tokio::select! {
            biased; // the end of the session beats the end of its review
            () = session.until(|record| (record.stage == SessionStage::Finalized).then_some(())), if ends => {}
            () = report(&reviewing, &session, fork) => {}
        }
    });
}

/// Runs the fork. Clients receive its answer only.
async fn report(gateway: &Gateway, session: &Session, mut fork: Box<dyn Turn>) {
    let does = gateway.behavior.review.fork();
    let (mut row, transcript) = session.read(|record| (record.agent.row.clone(), record.transcript.clone()));
    // Never raised: only the end of its session stops a review.
    let interrupt = Interrupt::default();
    loop {
        match fork.next(&interrupt).await {
            TurnEvent::Compressed { mode, summary } if does == Fork::WritesAndCompresses => {
                row = rotation::compress_beside(gateway, session, row, &transcript, mode, summary).await;
            }
            // A fork has no user to ask.
            TurnEvent::Asked { question } => fork.answer(question.kind.unanswered().to_owned()),
            TurnEvent::Finished { text } => {
                match does {
                    Fork::Reads => {}
                    Fork::Writes | Fork::WritesAndCompresses => {
                        let message = NewMessage::text(Role::Assistant, &text, gateway.env.now().wall);
                        // The releases that store reviews only log errors.
                        let _ = gateway.rows.append(row, vec![message]).await;
                    }
                }
                return session.emit("review.summary", json!({"text": text}));
            }
            TurnEvent::Failed { .. } | TurnEvent::Interrupted => return,
            _ => {}
        }
    }
}

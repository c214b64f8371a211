//! Reviews: after a turn a fork of the agent looks back at it in the background and says what it has found (spec §5).
//!
//! A review does not hold its session: a prompt that comes meanwhile starts.

use std::rc::Rc;

use serde_json::json;

use crate::agent::{Interrupt, Turn, TurnEvent};
use crate::record::SessionStage;
use crate::spawn::TaskName;
use crate::state::{Gateway, Session};
use crate::storage::rotation;
use crate::store::{NewMessage, Role};

/// Starts a review of the session's last turn, unless the session is being ended.
pub(crate) fn start(gateway: &Rc<Gateway>, session: &Session, fork: Box<dyn Turn>) {
    if session.read(|record| record.stage != SessionStage::Open) {
        return;
    }
    let (reviewing, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), "review"), async move {
        let ends = reviewing.behavior.review.ends_with_session();
        tokio::select! {
            biased; // a session that ends at the instant of its review has ended
            () = session.until(|record| (record.stage == SessionStage::Finalized).then_some(())), if ends => {}
            () = look_back(&reviewing, &session, fork) => {}
        }
    });
}

/// What the fork does is not shown, but for what it says at its end.
async fn look_back(gateway: &Gateway, session: &Session, mut fork: Box<dyn Turn>) {
    let behavior = &gateway.behavior.review;
    let (mut row, transcript) = session.read(|record| (record.agent.row.clone(), record.transcript.clone()));
    // Never raised: nobody stops a review but the end of its session.
    let interrupt = Interrupt::default();
    loop {
        match fork.next(&interrupt).await {
            TurnEvent::Compressed { mode, summary } if behavior.compresses() => {
                row = rotation::compress_beside(gateway, session, row, &transcript, mode, summary).await;
            }
            // A fork has nobody to ask.
            TurnEvent::Asked { question } => fork.answer(question.kind.unanswered().to_owned()),
            TurnEvent::Finished { text } => {
                if behavior.writes() {
                    let message = NewMessage::text(Role::Assistant, &text, gateway.env.now().wall);
                    // An error is only logged by the releases that store reviews.
                    let _ = gateway.rows.append(row, vec![message]).await;
                }
                return session.emit("review.summary", json!({"text": text}));
            }
            TurnEvent::Failed { .. } | TurnEvent::Interrupted => return,
            _ => {}
        }
    }
}

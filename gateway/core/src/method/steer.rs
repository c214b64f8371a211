//! `session.steer`: a text for the running turn, which is not interrupted.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session;
use crate::lifecycle::steer::Steering;
use crate::record::{Kept, Queued};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};
use crate::storage::input;
use crate::store::{InputKind, KeyedAnswer};
use crate::work::turn;

#[derive(Deserialize)]
pub(super) struct Steer {
    session_id: String,
    #[serde(default)]
    text: String,
}

/// Passes words to the turn, whose agent reads them with its next tool result.
pub(super) async fn steer(gateway: &Rc<Gateway>, link: &Link, params: &Steer) -> Result<Value, Error> {
    let session = session::find(gateway, &params.session_id)?;
    let text = params.text.trim();
    if text.is_empty() {
        return Err(Error::new(code::STEER_TEXT_REQUIRED, "text required"));
    }
    let steered = session.read(|record| gateway.behavior.steer.decide(record));
    let status = match steered {
        Steering::Queue => {
            leave(gateway, &session, link, text, None).await?;
            "queued"
        }
        Steering::Drop => "queued",
        Steering::Reject => "rejected",
        Steering::Unavailable => {
            return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
        }
        Steering::NoAgent => return Err(Error::new(code::CANNOT_STEER, "the agent cannot be steered")),
    };
    Ok(json!({"status": status, "text": text}))
}

/// Adds words to those that wait for the turn, and stores them. Fails if too many wait, or if they cannot be stored. `keyed`
/// is the answer to the request, if that has a key.
pub(super) async fn leave(
    gateway: &Rc<Gateway>,
    session: &Session,
    link: &Link,
    text: &str,
    keyed: Option<KeyedAnswer>,
) -> Result<(), Error> {
    let kept = input::kept(gateway, session);
    wait(gateway, session, link, text, &kept)?;
    let stored = input::store(gateway, session, kept, InputKind::Steer, text.to_owned(), keyed).await;
    turn::go_on(gateway, session);
    stored
}

fn wait(gateway: &Gateway, session: &Session, link: &Link, text: &str, kept: &Kept) -> Result<(), Error> {
    let max = gateway.config.max_waiting_prompts;
    session.change_with(|record, handles| {
        if let Some(turn) = &mut record.turn {
            if max > 0 && turn.steers.len() >= max as usize {
                return Err(Error::passing(code::BUSY, format!("the turn has not read {max} words to it yet")));
            }
            turn.steers.push(Queued {
                text: text.to_owned(),
                link: Some(link.id.clone()),
                kept: kept.clone(),
                refusals: 0,
            });
            handles.keep(record, link);
        }
        record.details.last_active = gateway.env.now();
        Ok(())
    })
}

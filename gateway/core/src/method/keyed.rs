//! Idempotency keys: two requests with one key run once, and both get the first one's answer.
//!
//! The answer is stored in the transaction that accepts the request, so that the key also holds after a restart. It is kept
//! for a day. A request that was refused has used no key.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session;
use crate::lifecycle::claim::Keys;
use crate::rpc::{Error, code};
use crate::state::{Gateway, KeyInUse};
use crate::store::{KeyedAnswer, StoreError, StoredId};

/// The longest key, in bytes.
const KEY_MAX: usize = 200;

/// What a prompt with a key asks for.
#[derive(Deserialize, PartialEq, Serialize)]
pub(super) struct Asked {
    pub(super) text: String,
    /// The ordinal of the message from which on it replaces messages; null for none.
    pub(super) replaces: Value,
}

/// A request as it is stored beside its answer.
#[derive(Deserialize, Serialize)]
struct Request {
    /// The runtime id of its session, which is another after a restart.
    session: String,
    /// The row of its session when it was sent, which is an earlier one after a rotation.
    row: String,
    asked: Asked,
}

/// The beginning of a request.
pub(super) enum Begun<'a> {
    /// It is carried out; its key, if it has one, is in use until this is dropped.
    New(Key<'a>),
    /// It was carried out before, with this result.
    Answered(Value),
}

/// The key of a request that is carried out, if it has one.
pub(super) struct Key<'a>(Option<(KeyInUse<'a>, Request)>);

/// Waits for an earlier request with the key, and looks up its answer. Fails if that asked for something else, or in another
/// conversation. A request to a session that is not live is answered if the earlier one went to the same session, and is
/// new otherwise, so that it fails for want of its session.
pub(super) async fn begin<'a>(
    gateway: &'a Gateway,
    key: Option<&str>,
    session: &str,
    asked: impl FnOnce() -> Asked,
) -> Result<Begun<'a>, Error> {
    let key = key.filter(|_| gateway.behavior.claim.keys() == Keys::Honored);
    let Some(key) = key else { return Ok(Begun::New(Key(None))) };
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(Error::new(code::INVALID_PARAMS, format!("an idempotency key has 1 to {KEY_MAX} bytes")));
    }
    let in_use = gateway.keys.take(key).await;
    let not_looked_up = |error| Error::new(code::STORAGE, format!("the key was not looked up: {error}"));
    let found = gateway.rows.keyed(key.to_owned()).await.map_err(not_looked_up)?;
    let row = session::find(gateway, session).ok().map(|live| live.read(|record| record.agent.row.clone()));
    let asked = asked();
    if let Some(found) = found {
        let earlier: Option<Request> = serde_json::from_str(&found.request).ok();
        let earlier = earlier.filter(|earlier| earlier.asked == asked);
        let Some(earlier) = earlier else { return Err(used_before()) };
        let is_same = earlier.session == session
            || match &row {
                None => return Ok(Begun::New(Key(None))),
                Some(row) => is_of(gateway, row, &earlier.row).await.map_err(not_looked_up)?,
            };
        return if is_same {
            Ok(Begun::Answered(serde_json::from_str(&found.answer).unwrap_or_default()))
        } else {
            Err(used_before())
        };
    }
    let row = row.map_or_else(String::new, |row| row.to_string());
    Ok(Begun::New(Key(Some((in_use, Request { session: session.to_owned(), row, asked })))))
}

/// Whether `earlier` is a row of the conversation of `row`.
async fn is_of(gateway: &Gateway, row: &StoredId, earlier: &str) -> Result<bool, StoreError> {
    if row.as_str() == earlier {
        return Ok(true);
    }
    Ok(gateway.rows.chain(row.clone()).await?.iter().any(|row| row.as_str() == earlier))
}

fn used_before() -> Error {
    Error::new(code::INVALID_PARAMS, "another request has used this idempotency key")
}

impl Key<'_> {
    /// The answer to the request, to be stored with what it asks for; `None` for a request without a key.
    pub(super) fn answered(&self, gateway: &Gateway, answer: &Value) -> Option<KeyedAnswer> {
        let (in_use, request) = self.0.as_ref()?;
        let (key, at) = (in_use.key().to_owned(), gateway.env.now().wall);
        let request = serde_json::to_string(request).expect("text and a number");
        Some(KeyedAnswer { key, request, answer: answer.to_string(), at })
    }
}

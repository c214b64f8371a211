//! Idempotency keys: two requests with one key run once, and both get the first one's answer.
//!
//! The answer is stored in the transaction that accepts the request, so that the key also holds after a restart. It is kept
//! for a day. A request that was refused has used no key.

use serde_json::Value;

use crate::lifecycle::claim::Keys;
use crate::rpc::{Error, code};
use crate::state::{Gateway, KeyInUse};
use crate::store::KeyedAnswer;

/// The longest key, in bytes.
const KEY_MAX: usize = 200;

/// What a request asks for, apart from the runtime id of its session, which is another after a restart.
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) text: String,
    /// The ordinal of the message from which on it replaces messages; null for none.
    pub(super) replaces: Value,
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

/// Waits for an earlier request with the key, and looks up its answer. Fails if that asked for something else.
pub(super) async fn begin(gateway: &Gateway, key: Option<String>, request: Request) -> Result<Begun<'_>, Error> {
    let key = key.filter(|_| gateway.behavior.claim.keys() == Keys::Honored);
    let Some(key) = key else { return Ok(Begun::New(Key(None))) };
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(Error::new(code::INVALID_PARAMS, format!("an idempotency key has 1 to {KEY_MAX} bytes")));
    }
    let in_use = gateway.keys.take(&key).await;
    let found = gateway.rows.keyed(key).await;
    match found.map_err(|error| Error::new(code::STORAGE, format!("the key was not looked up: {error}")))? {
        None => Ok(Begun::New(Key(Some((in_use, request))))),
        Some(earlier) if earlier.request == request.to_string() => {
            Ok(Begun::Answered(serde_json::from_str(&earlier.answer).unwrap_or_default()))
        }
        Some(_) => Err(Error::new(code::INVALID_PARAMS, "another request has used this idempotency key")),
    }
}

impl Key<'_> {
    /// The answer to the request, to be stored with what it asks for; `None` for a request without a key.
    pub(super) fn answered(&self, gateway: &Gateway, answer: &Value) -> Option<KeyedAnswer> {
        let (in_use, request) = self.0.as_ref()?;
        let (key, at) = (in_use.key().to_owned(), gateway.env.now().wall);
        Some(KeyedAnswer { key, request: request.to_string(), answer: answer.to_string(), at })
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.method, self.replaces, self.text)
    }
}

//! JSON-RPC 2.0 in text frames (spec §3): requests in, responses and events out.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::ids::SessionId;

/// A request that can be dispatched.
pub(crate) struct Request {
    /// Echoed in the response; a request without one is a notification and gets none.
    pub(crate) id: Option<Value>,
    /// The method's name, known or not.
    pub(crate) method: String,
    /// Its parameters, empty when there are none.
    pub(crate) params: Map<String, Value>,
}

/// An error as the client receives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Error {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) retry: Retry,
    /// Whether the request has attached its session before it failed (`data.attached` is true).
    pub(crate) has_attached: bool,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The same request fails again.
    Pointless,
    /// The cause passes by itself (`data.retry` is true).
    Soon,
}

/// Error codes of spec §3.
pub(crate) mod code {
    pub(crate) const PARSE: i64 = -32700;
    pub(crate) const INVALID_REQUEST: i64 = -32600;
    pub(crate) const UNKNOWN_METHOD: i64 = -32601;
    pub(crate) const INVALID_PARAMS: i64 = -32602;
    pub(crate) const SESSION_NOT_FOUND: i64 = 4001;
    pub(crate) const STEER_TEXT_REQUIRED: i64 = 4002;
    pub(crate) const BAD_ORDINAL: i64 = 4004;
    pub(crate) const SESSION_ID_REQUIRED: i64 = 4006;
    pub(crate) const STORED_NOT_FOUND: i64 = 4007;
    pub(crate) const NOTHING_TO_BRANCH: i64 = 4008;
    pub(crate) const BUSY: i64 = 4009;
    pub(crate) const CANNOT_STEER: i64 = 4010;
    pub(crate) const CUT_NOT_FOUND: i64 = 4018;
    pub(crate) const TITLE_REQUIRED: i64 = 4021;
    pub(crate) const BAD_TITLE: i64 = 4022;
    pub(crate) const SESSION_ACTIVE: i64 = 4023;
    pub(crate) const SESSION_LIMIT: i64 = 4090;
    pub(crate) const RESUME_FAILED: i64 = 5000;
    pub(crate) const COMPRESS_FAILED: i64 = 5005;
    pub(crate) const LIST_FAILED: i64 = 5006;
    pub(crate) const TITLE_FAILED: i64 = 5007;
    pub(crate) const BRANCH_FAILED: i64 = 5008;
    pub(crate) const DELETE_FAILED: i64 = 5036;
    pub(crate) const STORAGE: i64 = 5071;
}

impl Error {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: Retry::Pointless, has_attached: false }
    }

    /// An error whose cause passes by itself.
    pub(crate) fn passing(code: i64, message: impl Into<String>) -> Self {
        Self { retry: Retry::Soon, ..Self::new(code, message) }
    }
}

/// Reads a frame; blank frames are `None`. The error carries the id to answer to.
pub(crate) fn parse(frame: &str) -> Option<Result<Request, (Value, Error)>> {
    if frame.trim().is_empty() {
        return None;
    }
    Some(request(frame))
}

fn request(frame: &str) -> Result<Request, (Value, Error)> {
    let value: Value = serde_json::from_str(frame)
        .map_err(|error| (Value::Null, Error::new(code::PARSE, format!("parse error: {error}"))))?;
    let Value::Object(mut object) = value else {
        return Err((Value::Null, Error::new(code::INVALID_REQUEST, "invalid request: not an object")));
    };
    let id = object.remove("id");
    let refused = |code, message: &str| Err((id.clone().unwrap_or(Value::Null), Error::new(code, message)));
    let Some(Value::String(method)) = object.remove("method") else {
        return refused(code::INVALID_REQUEST, "invalid request: `method` must be a string");
    };
    let params = match object.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return refused(code::INVALID_PARAMS, "invalid params: expected an object"),
    };
    Ok(Request { id, method, params })
}

/// A method's parameters. Unknown ones are ignored, as upstream does.
pub(crate) fn params<P: DeserializeOwned>(params: Map<String, Value>) -> Result<P, Error> {
    serde_json::from_value(Value::Object(params))
        .map_err(|error| Error::new(code::INVALID_PARAMS, format!("invalid params: {error}")))
}

/// The response frame to a request.
pub(crate) fn response(id: Value, outcome: Result<Value, Error>) -> String {
    let frame = match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => {
            let mut body = json!({"code": error.code, "message": error.message});
            if error.retry == Retry::Soon {
                body["data"]["retry"] = true.into();
            }
            if error.has_attached {
                body["data"]["attached"] = true.into();
            }
            json!({"jsonrpc": "2.0", "id": id, "error": body})
        }
    };
    frame.to_string()
}

/// The parameters of an event of a session.
pub(crate) fn event(kind: &str, session: &SessionId, payload: Value) -> Value {
    let mut params = json!({"type": kind, "session_id": session.as_str()});
    if !payload.is_null() {
        params["payload"] = payload;
    }
    params
}

/// The frame of an event whose parameters are the JSON `params`.
pub(crate) fn event_frame(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"event","params":{params}}}"#)
}

/// The first frame on a connection.
pub(crate) fn ready() -> String {
    event_frame(&json!({"type": "gateway.ready", "payload": {"skin": {}}}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(frame: &str, expected: Option<(Value, i64)>) {
        let refused = parse(frame).and_then(Result::err).map(|(id, error)| (id, error.code));
        assert_eq!(refused, expected, "{frame}");
    }

    /// A frame that is no request is refused with the code of spec §3, and with the id of the response if it has one.
    #[test]
    fn frames_are_refused_as_documented() {
        check("   ", None);
        check(r#"{"id":1,"method":"session.list"}"#, None);
        check(r#"{"id":1,"method":"session.list","params":null}"#, None);
        check("{", Some((Value::Null, -32700)));
        check("[1]", Some((Value::Null, -32600)));
        check(r#"{"id":"a"}"#, Some((json!("a"), -32600)));
        check(r#"{"id":"a","method":7}"#, Some((json!("a"), -32600)));
        check(r#"{"id":"a","method":"x","params":[]}"#, Some((json!("a"), -32602)));
    }
}

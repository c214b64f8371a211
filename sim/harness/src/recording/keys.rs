//! The keys of one JSON object, taken one by one. What remains at the end is an unknown key.

use gateway_core::clock::Millis;
use serde_json::{Map, Value};

use super::error::Misplaced;
use super::time;

/// The keys of an object that are not read yet.
pub(super) struct Keys {
    place: String,
    keys: Map<String, Value>,
}

impl Keys {
    /// The keys of the object at `place`.
    ///
    /// # Errors
    /// When the value is not an object.
    pub(super) fn of(place: String, value: Value) -> Result<Self, Misplaced> {
        match value {
            Value::Object(keys) => Ok(Self { place, keys }),
            other => Err((place, format!("an object is expected here, not {}", kind(&other)))),
        }
    }

    /// The word in `do`. Later errors name it beside the place.
    pub(super) fn word(&mut self) -> Result<String, Misplaced> {
        let word = self.needed("do")?;
        self.place = format!("{} (`{word}`)", self.place);
        Ok(word)
    }

    /// An error about the object as a whole.
    pub(super) fn error(&self, message: impl Into<String>) -> Misplaced {
        (self.place.clone(), message.into())
    }

    /// An error about one key.
    pub(super) fn error_at(&self, key: &str, message: impl Into<String>) -> Misplaced {
        (format!("{}.{key}", self.place), message.into())
    }

    /// The value of a key, whatever its type; none for `null` as well.
    pub(super) fn value(&mut self, key: &str) -> Option<Value> {
        self.keys.remove(key).filter(|value| !value.is_null())
    }

    fn typed<T>(&mut self, key: &str, wanted: &str, read: fn(&Value) -> Option<T>) -> Result<Option<T>, Misplaced> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let read = read(&value).ok_or_else(|| self.error_at(key, format!("{wanted} is expected here, not {value}")));
        read.map(Some)
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Misplaced> {
        self.typed(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn needed(&mut self, key: &str) -> Result<String, Misplaced> {
        self.text(key)?.ok_or_else(|| self.error(format!("needs `{key}`")))
    }

    /// A yes or no; none for a key that is left out.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, Misplaced> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn whole(&mut self, key: &str) -> Result<Option<i64>, Misplaced> {
        self.typed(key, "a whole number", Value::as_i64)
    }

    /// A length of time, in seconds.
    pub(super) fn length(&mut self, key: &str) -> Result<Option<Millis>, Misplaced> {
        let seconds = self.typed(key, "a number of seconds", Value::as_f64)?;
        seconds.map(|seconds| time::length(seconds).map_err(|message| self.error_at(key, message))).transpose()
    }

    pub(super) fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, Misplaced> {
        self.typed(key, "a list", |value| value.as_array().cloned())
    }

    /// The keys of an object inside this one; no keys if it is left out.
    pub(super) fn inner(&mut self, key: &str) -> Result<Self, Misplaced> {
        let value = self.value(key).unwrap_or_else(|| Value::Object(Map::new()));
        Self::of(format!("{}.{key}", self.place), value)
    }

    /// Checks that every key has been read.
    pub(super) fn finish(self, unknown: &str) -> Result<(), Misplaced> {
        match self.keys.iter().next() {
            None => Ok(()),
            Some((key, value)) => Err(self.error_at(key, format!("{unknown}: {value}"))),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

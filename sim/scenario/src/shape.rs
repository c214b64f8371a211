//! Parts of the schema of files that the types of a file do not say by themselves.

use gateway_core::behavior::{Alternative, Behavior};
use schemars::transform::Transform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Adds earlier names of keys, which files keep: a key, and the other name under which it is read.
pub(crate) fn aliases<const N: usize>(names: [(&'static str, &'static str); N]) -> impl Transform {
    move |schema: &mut Schema| {
        let Some(Value::Object(keys)) = schema.get_mut("properties") else { return };
        for (key, other) in names {
            let mut value = keys.get(key).cloned().unwrap_or(Value::Bool(true));
            value["description"] = format!("Another name of `{key}`.").into();
            keys.insert(other.to_owned(), value);
        }
    }
}

/// A value, or a list of at least `min` and at most `max` of them.
pub(crate) fn one_or_several(one: &Schema, min: usize, max: Option<usize>) -> Schema {
    let mut list = json!({ "type": "array", "items": one, "minItems": min });
    if let Some(max) = max {
        list["maxItems"] = max.into();
    }
    schema(json!({ "anyOf": [one, list] }))
}

/// A table with these keys and no others.
pub(crate) fn table(keys: Map<String, Value>) -> Schema {
    schema(json!({ "type": "object", "properties": keys, "additionalProperties": false }))
}

/// The table `[behavior]`: each field with its alternatives.
pub(crate) fn behavior(_: &mut SchemaGenerator) -> Schema {
    let field = |field: gateway_core::behavior::Field| {
        let names: Vec<&str> = field.alternatives.iter().map(|way| way.name).collect();
        let abouts: Vec<&str> = field.alternatives.iter().map(|Alternative { about, .. }| *about).collect();
        let value =
            json!({ "description": field.about, "enum": names, "x-taplo": { "docs": { "enumValues": abouts } } });
        (field.name, value)
    };
    table(Behavior::default().fields().into_iter().map(field).collect())
}

/// The words of a type that is read from one of several words, each with its sentence; none for any other type.
pub(crate) fn words(schema: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().filter_map(|word| Some((text(word)?, None))).collect();
    }
    let ways = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut words = Vec::new();
    for way in ways {
        let about = way.get("description").and_then(text);
        match (way.get("const").and_then(text), way.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.push((word, about)),
            (None, Some(several)) => words.extend(several.iter().filter_map(|word| Some((text(word)?, about.clone())))),
            (None, None) => return Vec::new(),
        }
    }
    words
}

/// A schema from its JSON, which is an object or a boolean.
pub(crate) fn schema(value: Value) -> Schema {
    Schema::try_from(value).expect("it is an object")
}

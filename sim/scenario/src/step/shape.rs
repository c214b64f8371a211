//! The schema of a step, from the table of steps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gateway_core::clock::Millis;
use gateway_core::config::Config;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::Word;
use super::keys::RawStep;
use super::table::{Entry, Key, Need, Value};
use crate::shape;

/// The keys of every step, those of the connection's owner last.
const COMMON: [&str; 3] = ["at", "do", "may_skip"];

impl JsonSchema for RawStep {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    /// All keys of all words, for completion, and for each word the keys that it takes.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entries = || Word::ALL.iter().map(|word| word.entry());
        let (words, abouts): (Vec<_>, Vec<_>) = entries().map(|entry| (entry.word, entry.about)).unzip();
        let time = generator.subschema_for::<Millis>();
        let mut keys = Map::new();
        keys.insert("at".to_owned(), described(time.clone(), "The instant of the step, from the start of the script."));
        let client = "The client that does it. A client is there by its name.";
        keys.insert("client".to_owned(), json!({ "type": "string", "description": client }));
        let docs = json!({ "docs": { "enumValues": abouts } });
        keys.insert("do".to_owned(), json!({ "enum": words, "description": "What happens.", "x-taplo": docs }));
        let may_skip = "Whether it is allowed that the step has no effect.";
        keys.insert("may_skip".to_owned(), json!({ "type": "boolean", "description": may_skip }));
        let settings = generator.subschema_for::<Config>();
        for (name, of_words) in by_key() {
            let mut about: Vec<String> =
                of_words.iter().map(|(word, key)| format!("`{word}`: {}.", key.about)).collect();
            about.dedup();
            // One word may restrict a text that another leaves free; the rule of the word holds the restriction.
            let kind = match of_words.iter().find(|(_, key)| !matches!(key.value, Value::OneOf(_))) {
                Some((_, key)) => value(key, &time, &settings),
                None => value(of_words[0].1, &time, &settings),
            };
            keys.insert(name.to_owned(), described(kind, &about.join("\n\n")));
        }
        let rules: Vec<Json> = entries().map(rule).collect();
        shape::schema(json!({
            "type": "object",
            "properties": keys,
            "required": ["at", "do"],
            "additionalProperties": false,
            "allOf": rules,
        }))
    }
}

/// Each key besides those of every step, with the words that take it.
fn by_key() -> BTreeMap<&'static str, Vec<(&'static str, &'static Key)>> {
    let mut keys: BTreeMap<&str, Vec<(&str, &Key)>> = BTreeMap::new();
    for entry in Word::ALL.iter().map(|word| word.entry()) {
        for key in entry.keys {
            keys.entry(key.name).or_default().push((entry.word, key));
        }
    }
    keys
}

fn value(key: &Key, time: &Schema, settings: &Schema) -> Schema {
    let of_type = |of: &str| shape::schema(json!({ "type": of }));
    match key.value {
        Value::Text | Value::Session | Value::NewSession | Value::Turn => of_type("string"),
        Value::OneOf(words) => shape::schema(json!({ "enum": words })),
        Value::Duration => time.clone(),
        Value::Integer => of_type("integer"),
        Value::Flag => of_type("boolean"),
        Value::Texts => shape::schema(json!({ "type": "array", "items": { "type": "string" } })),
        Value::Settings => settings.clone(),
    }
}

/// Draft 7 reads no key beside a reference, so the sentence stands around it.
fn described(schema: Schema, about: &str) -> Json {
    match schema.get("$ref") {
        Some(_) => json!({ "allOf": [schema], "description": about }),
        None => {
            let mut schema = schema.to_value();
            schema["description"] = about.into();
            schema
        }
    }
}

/// What holds for steps with this word: the keys that they need, and no keys but these.
fn rule(entry: &Entry) -> Json {
    let client = entry.has_client().then_some("client");
    let named = |need: Need| entry.keys.iter().filter(move |key| key.need == need).map(|key| key.name);
    let keys: Vec<&str> = COMMON.into_iter().chain(client).chain(entry.keys.iter().map(|key| key.name)).collect();
    let needed: Vec<&str> = client.into_iter().chain(named(Need::Required)).collect();
    let mut then = json!({ "propertyNames": { "enum": keys } });
    if !needed.is_empty() {
        then["required"] = needed.into();
    }
    let one_of: Vec<Json> = named(Need::OneOf).map(|name| json!({ "required": [name] })).collect();
    if !one_of.is_empty() {
        then["oneOf"] = one_of.into();
    }
    let restricted: Map<String, Json> = entry
        .keys
        .iter()
        .filter_map(|key| match key.value {
            Value::OneOf(words) => Some((key.name.to_owned(), json!({ "enum": words }))),
            _ => None,
        })
        .collect();
    if !restricted.is_empty() {
        then["properties"] = restricted.into();
    }
    json!({ "if": { "properties": { "do": { "const": entry.word } }, "required": ["do"] }, "then": then })
}

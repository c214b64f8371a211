//! The JSON Schema of scenario files, for editors.
//!
//! It is made from the types that read a file and from the table of steps, so it accepts the keys that they accept. What depends on
//! several tables, such as whether a turn is defined, only a run checks.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::invariant::InvariantNames;
use crate::parse::{RawScenario, Violation};
use crate::shape;

/// The JSON Schema (draft 7, which the TOML editors read) of a scenario file.
pub fn schema(names: &InvariantNames) -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.transforms.push(Box::new(RecursiveTransform(as_toml)));
    let mut schema = settings.into_generator().into_root_schema_for::<RawScenario>();
    let accepted = names.known.iter().chain(names.renamed.iter().map(|(old, _)| old));
    if let Some(violation) = schema.pointer_mut(&format!("/definitions/{}", Violation::schema_name())) {
        violation["enum"] = accepted.copied().collect();
    }
    schema.to_value()
}

/// Leaves out what TOML has not (a null) and what says nothing there, and turns lists of constants into enumerations, with which
/// the error of a wrong word names the right ones.
fn as_toml(schema: &mut Schema) {
    schema.remove("format");
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|of| of != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(ways)) = schema.get_mut("anyOf") {
        let before = ways.len();
        ways.retain(|way| way.get("type").is_none_or(|of| of != "null"));
        if let [one] = ways.as_slice()
            && before == 2
        {
            // Beside a reference draft 7 reads no other key, so the sentence of the key stands around it.
            let one = one.clone();
            schema.remove("anyOf");
            schema.insert("allOf".to_owned(), json!([one]));
        }
    }
    let words = shape::words(schema.as_value());
    if schema.get("oneOf").is_some() && !words.is_empty() {
        let (names, abouts): (Vec<_>, Vec<_>) = words.into_iter().unzip();
        schema.remove("oneOf");
        schema.insert("type".to_owned(), "string".into());
        schema.insert("enum".to_owned(), names.into());
        schema.insert("x-taplo".to_owned(), json!({ "docs": { "enumValues": abouts } }));
    }
}

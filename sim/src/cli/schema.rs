//! `sim schema`: the JSON Schema of scenario files, for editors.

use sim_harness::invariant::NAMES;

/// Prints the schema.
pub(super) fn run() -> u8 {
    let schema = sim_scenario::schema(&NAMES);
    out!("{}", serde_json::to_string_pretty(&schema).expect("a schema is plain data"));
    0
}
